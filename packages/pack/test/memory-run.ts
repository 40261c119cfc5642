import { randomFillSync, randomBytes } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { newRunSecret } from "@erlmcp/crypto";
import { defaultChunking } from "../src/chunking.ts";
import { createPackWriter } from "../src/writer.ts";

// node memory-run.ts FILE: stores 640 MiB that compress by a third, and prints the largest resident set of this process, bytes.

const MiB = 1024 * 1024;
const [file = ""] = process.argv.slice(2);

/** One MiB, two thirds of it noise. */
function someData(): Buffer {
  return randomFillSync(Buffer.alloc(MiB), 0, Math.floor((2 * MiB) / 3));
}

async function* stream(): AsyncGenerator<Buffer> {
  for (let part = 0; part < 256; part += 1) yield await Promise.resolve(someData());
}

const fd = openSync(file, "wx", 0o600);
for (let part = 0; part < 384; part += 1) writeSync(fd, someData());
closeSync(fd);

const writer = createPackWriter({
  target: { create: async () => ({ write: async () => undefined, close: async () => undefined }) },
  secret: newRunSecret(randomBytes),
  cipher: "aes-256-gcm",
  level: 1,
  chunking: defaultChunking,
  threads: 64,
  signal: new AbortController().signal,
});
await Promise.all([writer.file({ path: Buffer.from(file) }), writer.stream(stream(), "table")]);
await writer.finish();
await writer.close();
rmSync(file);
console.log(process.resourceUsage().maxRSS * 1024);
