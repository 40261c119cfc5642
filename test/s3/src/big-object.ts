import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { createS3Store } from "@erlmcp/s3";

// Run by faults.int.test.ts: node big-object.ts ENDPOINT BUCKET BYTES. Stores and reads an object, with the SDK's default
// credentials; prints whether it came back the same, and the most memory that it took.
const [endpoint, bucket, size] = process.argv.slice(2);
if (endpoint === undefined || bucket === undefined) throw new Error("usage: big-object.ts ENDPOINT BUCKET BYTES");

const pieceBytes = 1024 * 1024;
const sent = createHash("sha256");
async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < Number(size) / pieceBytes; i += 1) {
    const piece = Buffer.alloc(pieceBytes, `piece ${i}`);
    sent.update(piece);
    yield await Promise.resolve(piece);
  }
}

const store = createS3Store({
  place: { bucket, region: "us-east-1", endpoint, forcePathStyle: true },
  retry: {
    attempts: 3,
    baseMs: 100,
    limitMs: 1000,
    random: Math.random,
    sleep: (ms) => delay(ms),
    isTransient: () => true,
  },
});
await store.put("big-object", () => pieces());
const received = createHash("sha256");
for await (const piece of store.get("big-object")) received.update(piece);
const same = received.digest("hex") === sent.digest("hex");
process.stdout.write(`${same ? "same" : "other"} ${process.resourceUsage().maxRSS * 1024}`);
store.close();
