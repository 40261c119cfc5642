import {
  createDocumentSealer,
  newRunSecret,
  plainSealer,
  type Cipher,
  type RunSecret,
  type Sealer,
} from "@erlmcp/crypto";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { createChunkIndex, type ChunkIndex } from "./chunk-index.ts";
import { defaultChunking } from "./chunking.ts";
import { indexName, loadIndex } from "./index-file.ts";
import type { RangeReader } from "./range-reader.ts";
import { createPackReader, type PackReader } from "./reader.ts";
import type { PackTarget } from "./target.ts";
import { createPackWriter, type PackWriter, type PackWriterOptions } from "./writer.ts";

/** Restore points in memory, for tests: id, name, bytes. */
export interface MemoryRepository {
  objects: Map<string, Buffer>;
  target(restorePoint: string): PackTarget;
  open(restorePoint: string, name: string): Promise<RangeReader>;
}

export function memoryRepository(): MemoryRepository {
  const objects = new Map<string, Buffer>();
  return {
    objects,
    target: (restorePoint) => ({
      async create(name) {
        const parts: Buffer[] = [];
        return {
          async write(bytes) {
            parts.push(Buffer.from(bytes));
          },
          async close() {
            objects.set(`${restorePoint}/${name}`, Buffer.concat(parts));
          },
        };
      },
    }),
    async open(restorePoint, name) {
      const bytes = objects.get(`${restorePoint}/${name}`);
      if (bytes === undefined) throw new Error(`no ${restorePoint}/${name}`);
      return rangesOf(bytes);
    },
  };
}

export function rangesOf(bytes: Buffer): RangeReader {
  return {
    size: bytes.length,
    async read(offset, length) {
      if (offset + length > bytes.length) throw new Error("read after the end");
      return bytes.subarray(offset, offset + length);
    },
  };
}

export interface TestKey {
  secret: RunSecret;
  cipher: Cipher;
}

/** A repository with writers and readers over it, each restore point under its own key. */
export function testRepository(cipher: Cipher | undefined) {
  const repository = memoryRepository();
  const keys = new Map<string, TestKey>();
  const opened: string[] = [];

  function keyFor(id: string, generationKey?: Buffer): TestKey | undefined {
    if (cipher === undefined) return undefined;
    const key = { secret: newRunSecret(randomBytes, generationKey), cipher };
    keys.set(id, key);
    return key;
  }

  function sealerOf(id: string): Sealer {
    const key = keys.get(id);
    if (key === undefined) return plainSealer;
    return createDocumentSealer({ dataKey: key.secret.dataKey, cipher: key.cipher, random: randomBytes });
  }

  async function indexOf(...ids: string[]): Promise<ChunkIndex> {
    const index = createChunkIndex();
    for (const id of ids) {
      await loadIndex(index, { restorePoint: id, file: await repository.open(id, indexName), sealer: sealerOf(id) });
    }
    return index;
  }

  function readerOver(index: ChunkIndex): PackReader {
    return createPackReader({
      index,
      open: async (id, name) => {
        opened.push(`${id}/${name}`);
        return repository.open(id, name);
      },
      key: (id) => keys.get(id),
    });
  }

  return {
    ...repository,
    keys,
    opened,
    indexOf,
    sealerOf,
    reader: async (...ids: string[]) => readerOver(await indexOf(...ids)),
    async writer(id: string, base: string[] = [], options: Partial<PackWriterOptions> = {}): Promise<PackWriter> {
      const [full] = base;
      const index = await indexOf(...base);
      const key = keyFor(id, full === undefined ? undefined : keys.get(full)?.secret.generationKey);
      return createPackWriter({
        target: repository.target(id),
        secret: key?.secret,
        cipher: cipher ?? "aes-256-gcm",
        level: 1,
        chunking: defaultChunking,
        base: full === undefined ? undefined : { index, reader: readerOver(index) },
        threads: 0,
        signal: new AbortController().signal,
        ...options,
      });
    },
  };
}

/** Bytes that look random and are the same each time: the key stream of AES-128-CTR under a seed. */
export function noise(bytes: number, seed = "noise"): Buffer {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

/** `data` in pieces of `size` bytes. */
export async function* pieces(data: Buffer, size = 10_007): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

export async function collect(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

/** A run with frozen key, randomness and contents, stored uncompressed: zstd may change its output, the format may not. */
export async function goldenRun(cipher: Cipher | undefined) {
  const repository = memoryRepository();
  const secret = newRunSecret((bytes) => noise(bytes, "golden data key"));
  let drawn = 0;
  const writer = createPackWriter({
    target: repository.target("full"),
    secret: cipher === undefined ? undefined : secret,
    cipher: cipher ?? "aes-256-gcm",
    level: 0,
    chunking: { file: defaultChunking.file, table: { min: 64, average: 256, max: 1024 } },
    threads: 0,
    signal: new AbortController().signal,
    random(bytes) {
      drawn += 1;
      return noise(bytes, `golden ${drawn}`);
    },
  });
  const content = await writer.stream(pieces(noise(3000, "golden")), "table");
  await writer.finish();
  await writer.close();
  return { objects: repository.objects, content };
}
