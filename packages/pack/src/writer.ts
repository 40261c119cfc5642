import { createHash, randomBytes } from "node:crypto";
import {
  createDocumentSealer,
  chunkIdKey,
  plainSealer,
  type Cipher,
  type Random,
  type RunSecret,
} from "@erlmcp/crypto";
import type { ContentKind, ContentRef, FileRequest, FileResult } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { createNameChunk } from "./chunk-id.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { createChunkStore, type ChunkStore, type Needs, type StoreStats } from "./chunk-store.ts";
import type { Chunking, ChunkSizes } from "./chunking.ts";
import { createContentBuilder } from "./content-tree.ts";
import { createCut, type Cut } from "./cutter.ts";
import { createFileWriter, fileSlabBytes } from "./file-writer.ts";
import { gearTable } from "./gear.ts";
import { encodeIndex, indexName } from "./index-file.ts";
import { packName } from "./layout.ts";
import { createPackFiles, type PackFiles } from "./pack-files.ts";
import { createPool, type Pool } from "./pool.ts";
import type { PackReader } from "./reader.ts";
import { reuseContent } from "./reuse.ts";
import type { Shared } from "./shared.ts";
import { createSlabPool } from "./slab-pool.ts";
import { createSlabLender, storeStream } from "./stream-writer.ts";
import type { PackTarget } from "./target.ts";

export interface PackWriterOptions {
  target: PackTarget;
  /** undefined: nothing is encrypted. An incremental's has the generation key of its base. */
  secret: RunSecret | undefined;
  cipher: Cipher;
  /** zstd's level; 0 stores. */
  level: number;
  /** That of the base, for an incremental. */
  chunking: Chunking;
  /** The chunks of the generation, and a reader over them for content trees. */
  base?: { index: ChunkIndex; reader: PackReader } | undefined;
  /** Worker threads, `maxThreads` at most; 0 does everything on the calling thread. */
  threads: number;
  signal: AbortSignal;
  /** Called when something was written: not more often than once a slab. */
  onProgress?: ((stats: Readonly<StoreStats>) => void) | undefined;
  /** The worker's module, in a bundle. */
  worker?: URL | undefined;
  random?: Random | undefined;
}

export interface StoredPack {
  name: string; // relative to the restore point
  bytes: number;
  sha256: string;
  segments: number;
  chunks: number;
}

export interface PackResult {
  packs: StoredPack[];
  index: StoredPack;
  /** The restore points of the base that hold chunks which this one refers to, in the order of the base's index. */
  dependsOn: string[];
  stats: StoreStats;
}

/** Stores contents. One for each run; `close` it on every way out. */
export interface PackWriter {
  stream(bytes: AsyncIterable<Uint8Array>, kind: ContentKind): Promise<ContentRef>;
  file(request: FileRequest): Promise<FileResult>;
  reuse(content: ContentRef): Promise<boolean>;
  /** Ends the packs and writes the index. Nothing may be under way any more. */
  finish(): Promise<PackResult>;
  readonly stats: Readonly<StoreStats>;
  /** Ends the threads; what has not been finished is lost. */
  close(): Promise<void>;
}

/** More would not fit into the 512 MB that a job may take: each has a heap and segments in the making, some 40 MB. */
const maxThreads = 4;
/** One for each thread to read to, and some that are being sealed: 64 MiB at most, however many cores there are. */
const spareSlabs = 4;

export function createPackWriter(options: PackWriterOptions): PackWriter {
  const run = createRun(options);
  const { shared, store, pool, files, base } = run;
  const fileWriter = createFileWriter(shared);
  const needed: Needs = new Set();

  /** Waits for `work`, no longer than until the run fails; what it needs counts when it has succeeded. */
  async function counted<T>(work: (needs: Needs) => Promise<T>): Promise<T> {
    store.check();
    const needs: Needs = new Set();
    const failed = run.onFailure();
    try {
      const result = await Promise.race([work(needs), failed.promise]);
      for (const need of needs) needed.add(need);
      return result;
    } finally {
      failed.forget();
    }
  }

  return {
    stats: store.stats,
    stream: async (bytes, kind) => counted(async (needs) => storeStream(shared, bytes, { kind, needs })),
    file: async (request) => counted(async (needs) => fileWriter.file(request, needs)),
    reuse: async (content) => {
      if (base === undefined) return false;
      return counted(async (needs) => reuseContent(base, content, needs));
    },
    async finish() {
      await store.flush();
      for (const outcome of await pool.runOnAll({ op: "end" })) {
        if (outcome.op !== "end") throw new BackupError("FAILED", "a worker answered something else");
        for (const write of outcome.result.writes) {
          store.stats.storedBytes += write.bytes.byteLength;
          await files.append(write);
        }
      }
      const index = await writeIndex(store, options);
      store.check();
      const names = base?.index.restorePoints() ?? [];
      return {
        packs: files.complete().map(({ number, ...facts }) => ({ name: packName(number), ...facts })),
        index,
        dependsOn: names.filter((_, number) => needed.has(number)),
        stats: { ...store.stats },
      };
    },
    async close() {
      run.end();
      await pool.close();
      await files.close();
    },
  };
}

interface Run {
  shared: Shared;
  store: ChunkStore;
  pool: Pool;
  files: PackFiles;
  base: PackWriterOptions["base"];
  onFailure(): { promise: Promise<never>; forget(): void };
  end(): void;
}

function createRun(options: PackWriterOptions): Run {
  const { secret, chunking, signal, base, target } = options;
  const threads = Math.min(options.threads, maxThreads);
  const { dataKey, generationKey } = secret ?? {};
  const packCounter = new SharedArrayBuffer(4);
  const settings = { dataKey, generationKey, cipher: options.cipher, level: options.level, packCounter };
  const pool = createPool({ settings, threads, worker: options.worker, random: options.random });
  const files = createPackFiles(target);
  const fileSlabs = createSlabPool(threads + spareSlabs, fileSlabBytes);
  const lender = createSlabLender(3);
  const watchers = new Set<PromiseWithResolvers<never>>();

  const store = createChunkStore({
    pool,
    files,
    base: base?.index,
    onWritten: () => options.onProgress?.(store.stats),
    onFailure(error) {
      fileSlabs.fail(error);
      lender.fail(error);
      for (const watcher of watchers) watcher.reject(error);
      void pool.close();
    },
  });
  const abort = () => store.fail(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });

  const name = createNameChunk(secret === undefined ? undefined : chunkIdKey(secret));
  const cutFor = cutsOf(generationKey);
  const shared: Shared = {
    pool,
    store,
    chunking,
    fileSlabs,
    borrowSlabs: (bytes) => lender.borrow(bytes),
    name,
    cutFor,
    newContent: (needs) =>
      createContentBuilder({
        cut: cutFor(chunking.table),
        maxChunkBytes: chunking.table.max,
        name,
        store: (chunk, id) => store.admitCopy(chunk, id, needs),
      }),
  };
  return {
    shared,
    store,
    pool,
    files,
    base,
    onFailure() {
      const watcher = Promise.withResolvers<never>();
      watcher.promise.catch(() => undefined); // whoever races it sees it
      watchers.add(watcher);
      return { promise: watcher.promise, forget: () => watchers.delete(watcher) };
    },
    end: () => signal.removeEventListener("abort", abort),
  };
}

function cutsOf(generationKey: Uint8Array | undefined): (sizes: ChunkSizes) => Cut {
  const gear = gearTable(generationKey);
  const known = new Map<ChunkSizes, Cut>();
  return (sizes) => {
    const cut = known.get(sizes) ?? createCut(gear, sizes);
    known.set(sizes, cut);
    return cut;
  };
}

async function writeIndex(
  store: ChunkStore,
  { target, secret, cipher, random }: PackWriterOptions,
): Promise<StoredPack> {
  const sealer =
    secret === undefined
      ? plainSealer
      : createDocumentSealer({ dataKey: secret.dataKey, cipher, random: random ?? randomBytes });
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await target.create(indexName);
  try {
    for (const part of encodeIndex(store.index, sealer)) {
      hash.update(part);
      bytes += part.length;
      await file.write(part);
    }
  } finally {
    await file.close();
  }
  const { segments, size } = { segments: store.index.segments().length, size: store.index.size };
  return { name: indexName, bytes, sha256: hash.digest("hex"), segments, chunks: size };
}
