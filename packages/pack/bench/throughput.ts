// node packages/pack/bench/throughput.ts FOLDER [large|small|stream …]: first backups of generated data, encrypted.
// FOLDER is kept with its data, so that a second run need not generate it again. Wall time depends on who else
// works on the machine; CPU seconds do not: "on 2 cores" is twice the bytes by CPU seconds.
import { newRunSecret } from "@erlmcp/crypto";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  openSync,
  writeSync,
  closeSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createPackWriter, defaultChunking, type PackWriter } from "../src/index.ts";
import { folder, folderTarget, measured, noiseSource, textSource, type Cost } from "./disk.ts";

const MiB = 1024 * 1024;
const [root = "/tmp/pack-bench", ...wanted] = process.argv.slice(2);
folder(root);

function makeLarge(): string[] {
  const base = join(root, "large");
  if (!existsSync(base)) {
    folder(base);
    for (let file = 0; file < 3; file += 1) {
      const source = file === 0 ? noiseSource(1) : textSource(file);
      const block = source(64 * MiB);
      const fd = openSync(join(base, String(file)), "w");
      for (let part = 0; part < 8; part += 1) {
        block.writeUInt32BE(part, 0);
        for (let at = 0; at < block.length; at += 4096) block.writeUInt32BE(part * 7919 + at, at); // no block twice
        writeSync(fd, block);
      }
      closeSync(fd);
    }
  }
  return readdirSync(base).map((name) => join(base, name));
}

function makeSmall(): string[] {
  const base = join(root, "small");
  if (!existsSync(base)) {
    const source = textSource(9);
    const text = source(32 * MiB);
    const random = noiseSource(8)(32 * MiB);
    for (let file = 0; file < 50_000; file += 1) {
      const from = (file * 7919 * 13) % (31 * MiB);
      const bytes = (file % 3 === 0 ? random : text).subarray(from, from + 2000 + ((file * 2654435761) % 24_000));
      const path = folder(join(base, String(file % 100)));
      writeFileSync(join(path, String(file)), Buffer.concat([Buffer.from(String(file)), bytes]));
    }
  }
  return readdirSync(base).flatMap((name) => readdirSync(join(base, name)).map((file) => join(base, name, file)));
}

async function store(work: (writer: PackWriter) => Promise<void>) {
  const out = mkdtempSync(join(root, "out-"));
  const writer = createPackWriter({
    target: folderTarget(out),
    secret: newRunSecret(randomBytes),
    cipher: "aes-256-gcm",
    level: 1,
    chunking: defaultChunking,
    threads: availableParallelism(),
    signal: new AbortController().signal,
  });
  const { cost, result } = await measured(async () => {
    await work(writer);
    return writer.finish();
  });
  await writer.close();
  rmSync(out, { recursive: true });
  return { cost, result };
}

async function storeFiles(paths: string[], concurrency: number) {
  return store(async (writer) => {
    const queue = paths.values();
    const lane = async () => {
      for (const path of queue) await writer.file({ path: Buffer.from(path) });
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
  });
}

function print(
  name: string,
  { bytes, files, stored }: { bytes: number; files: number; stored: number },
  cost: Cost,
): void {
  const rate = (seconds: number) =>
    `${(bytes / seconds / 1e6).toFixed(0)} MB/s, ${(files / seconds).toFixed(0)} files/s`;
  console.log(
    `${name}: ${(bytes / 1e6).toFixed(0)} MB to ${(stored / 1e6).toFixed(0)} MB, wall ${cost.seconds.toFixed(2)} s (${rate(cost.seconds)}), ` +
      `CPU ${cost.cpuSeconds.toFixed(2)} s (on 2 cores ${rate(cost.cpuSeconds / 2)}), peak ${cost.rssMiB.toFixed(0)} MiB`,
  );
}

async function runFiles(name: string, paths: string[], concurrency: number): Promise<void> {
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  const { cost, result } = await storeFiles(paths, concurrency);
  print(name, { bytes, files: paths.length, stored: result.stats.storedBytes }, cost);
}

const all = wanted.length === 0;
if (all || wanted.includes("large")) await runFiles("large files", makeLarge(), 4);
if (all || wanted.includes("one")) await runFiles("one large file", makeLarge().slice(1, 2), 1);
if (all || wanted.includes("small")) await runFiles("small files", makeSmall(), 512);
async function* rows(block: Buffer, parts: number) {
  for (let part = 0; part < parts; part += 1) {
    for (let at = 0; at < block.length; at += 65_536) {
      block.writeUInt32BE(part * 7919 + at, at);
      block.writeUInt32BE(part * 7919 + at, at + 30_000);
      yield block.subarray(at, at + 65_536);
    }
  }
}

if (all || wanted.includes("stream")) {
  const block = textSource(5)(16 * MiB);
  const { cost, result } = await store(async (writer) => {
    await writer.stream(rows(block, 64), "table");
  });
  print("table stream", { bytes: block.length * 64, files: 1, stored: result.stats.storedBytes }, cost);
}
