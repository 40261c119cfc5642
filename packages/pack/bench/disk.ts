import { createCipheriv } from "node:crypto";
import { mkdirSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PackTarget } from "../src/target.ts";

/** Packs as files, without flushing: what is measured is ours, not the disk's. */
export function folderTarget(root: string): PackTarget {
  return {
    async create(name) {
      const path = join(root, name);
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, "wx");
      return {
        async write(bytes) {
          for (let at = 0; at < bytes.byteLength;) {
            at += (await file.write(bytes, at, bytes.byteLength - at)).bytesWritten;
          }
        },
        close: async () => file.close(),
      };
    },
  };
}

export function folder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

/** Endless bytes that look random and are the same for a seed: a key stream. */
export function noiseSource(seed: number): (bytes: number) => Buffer {
  const stream = createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16));
  return (bytes) => stream.update(Buffer.alloc(bytes));
}

const words = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore".split(
  " ",
);

/** Text of common words in random order with numbers between: zstd -1 makes a third to a quarter of it. */
export function textSource(seed: number): (bytes: number) => Buffer {
  const random = noiseSource(seed);
  return (bytes) => {
    const text = Buffer.alloc(bytes, " ");
    for (let at = 0; at < bytes;) {
      for (const byte of random(1024)) {
        const word = byte < 200 ? (words[byte % words.length] ?? "") : String(byte * 7919 + at);
        at += text.write(word, Math.min(at, bytes)) + 1;
      }
    }
    return text;
  };
}

export interface Cost {
  seconds: number; // wall
  cpuSeconds: number; // of all threads, the system's share too
  rssMiB: number; // the most the process has had
}

export async function measured<T>(work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const result = await work();
  const used = process.cpuUsage(cpu);
  const cost = {
    seconds: Number(process.hrtime.bigint() - start) / 1e9,
    cpuSeconds: (used.user + used.system) / 1e6,
    rssMiB: process.resourceUsage().maxRSS / 1024,
  };
  return { result, cost };
}
