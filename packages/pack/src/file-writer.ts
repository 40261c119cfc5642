import { close } from "node:fs";
import { promisify } from "node:util";
import type { ContentRef, FileRequest, FileResult } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { Needs } from "./chunk-store.ts";
import type { ContentBuilder } from "./content-tree.ts";
import { idBytes } from "./layout.ts";
import type { Extent, FileFacts, FileOutcome, FilesResult, Slab } from "./messages.ts";
import { systemError } from "./pool.ts";
import { attempts, extentsOf, factsOf, sameFacts, xattrsOf } from "./read-file.ts";
import type { Shared } from "./shared.ts";

const closeFile = promisify(close);

export const fileSlabBytes = 8 * 1024 * 1024;
/** So many paths go to a worker at once. */
const batchFiles = 128;

export interface FileWriter {
  file(request: FileRequest, needs: Needs): Promise<FileResult>;
}

interface Waiting {
  path: Uint8Array;
  needs: Needs;
  result: PromiseWithResolvers<FileResult>;
}

/** Gathers requests into batches, so that a small file costs a fraction of a message. */
export function createFileWriter(shared: Shared): FileWriter {
  let queue: Waiting[] = [];
  let running = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || running >= shared.pool.threads * 2) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (queue.length > 0 && running < shared.pool.threads * 2) {
        // Every thread gets its share of what is there.
        const count = Math.min(batchFiles, Math.ceil(queue.length / shared.pool.threads));
        void readBatch(queue.splice(0, count));
      }
    });
  }

  async function readBatch(batch: Waiting[]): Promise<void> {
    running += 1;
    try {
      const slab = await shared.fileSlabs.acquire();
      const done = await readTo(slab, batch);
      queue = [...batch.slice(done), ...queue];
    } catch (error) {
      for (const { result } of batch) result.reject(error);
    } finally {
      running -= 1;
      if (queue.length > 0) schedule();
    }
  }

  /** @returns how many of the batch were read */
  async function readTo(slab: Slab, batch: Waiting[]): Promise<number> {
    const task = { op: "files" as const, slab, sizes: shared.chunking.file, paths: joined(batch) };
    try {
      const outcome = await shared.pool.run(task).outcome;
      if (outcome.op !== "files") throw new BackupError("FAILED", "a worker answered something else");
      admitBatch(slab, batch, outcome.result);
      return outcome.result.outcomes.length;
    } catch (error) {
      shared.fileSlabs.release(slab);
      throw error;
    }
  }

  function admitBatch(slab: Slab, batch: Waiting[], { outcomes, starts, ends, ids }: FilesResult): void {
    let from = 0;
    const results: (() => void)[] = [];
    const all: Needs = new Set();
    outcomes.forEach((outcome, index) => {
      const waiting = batch[index];
      if (waiting === undefined) return;
      if (outcome.kind === "failed") waiting.result.reject(systemError(outcome.failure));
      if (outcome.kind === "large") void settle(waiting, readLarge(shared, outcome, waiting.needs));
      if (outcome.kind !== "read") return;
      const content = shared.newContent(waiting.needs);
      const to = from + outcome.chunks;
      for (let chunk = from; chunk < to; chunk += 1) {
        content.add(ids.subarray(chunk * idBytes, (chunk + 1) * idBytes), (ends[chunk] ?? 0) - (starts[chunk] ?? 0));
      }
      from = to;
      const { facts, unstable, xattrs } = outcome;
      results.push(() => {
        for (const need of all) waiting.needs.add(need);
        waiting.result.resolve(resultOf(facts, content.finish(), { sparse: undefined, unstable, xattrs }));
      });
    });
    shared.store.admit({ slab, starts, ends, ids }, all, () => shared.fileSlabs.release(slab));
    for (const resolve of results) resolve();
  }

  return {
    async file({ path }, needs) {
      shared.store.check();
      if (path.includes(0)) throw new BackupError("FAILED", "a path with a NUL in it can be no file's");
      const result = Promise.withResolvers<FileResult>();
      queue.push({ path, needs, result });
      schedule();
      return result.promise;
    },
  };
}

/** Their paths, each with a NUL at its end: one piece of memory crosses threads far faster than a hundred. */
function joined(batch: readonly Waiting[]): Uint8Array<ArrayBuffer> {
  const paths = new Uint8Array(batch.reduce((sum, { path }) => sum + path.byteLength + 1, 0));
  let at = 0;
  for (const { path } of batch) {
    paths.set(path, at);
    at += path.byteLength + 1;
  }
  return paths;
}

async function settle({ result }: Waiting, reading: Promise<FileResult>): Promise<void> {
  try {
    result.resolve(await reading);
  } catch (error) {
    result.reject(error);
  }
}

function resultOf(
  { size, mode, uid, gid, mtime, ctime, inode }: FileFacts,
  content: ContentRef,
  { sparse, unstable, xattrs }: Pick<FileResult, "sparse" | "unstable" | "xattrs">,
): FileResult {
  return { content, size, sparse, mode, uid, gid, mtime, ctime, inode, unstable, xattrs };
}

type LargeFile = Extract<FileOutcome, { kind: "large" }>;

/** Reads a file slab by slab, again when it changed meanwhile. */
async function readLarge(shared: Shared, { fd, ...opened }: LargeFile, needs: Needs): Promise<FileResult> {
  try {
    let { facts: before, extents } = opened;
    for (let attempt = 1; ; attempt += 1) {
      const own: Needs = new Set();
      const content = shared.newContent(own);
      const wanted: Extent[] = extents ?? [[0, before.size]];
      const bytes = await readSlabs(shared, { fd, extents: wanted, content, needs: own });
      const xattrs = xattrsOf(fd);
      const after = factsOf(fd);
      const full = bytes === wanted.reduce((sum, [, length]) => sum + length, 0);
      const still = full && sameFacts(before, after);
      if (still || attempt === attempts) {
        for (const need of own) needs.add(need);
        const sparse = extents === undefined ? undefined : clipped(wanted, bytes);
        const size = sparse === undefined ? bytes : before.size;
        return resultOf({ ...after, size }, content.finish(), { sparse, unstable: !still, xattrs });
      }
      before = after;
      extents = extentsOf(fd);
    }
  } finally {
    await closeFile(fd);
  }
}

/** The extents that hold the first `bytes` bytes of data. */
function clipped(extents: Extent[], bytes: number): Extent[] {
  let left = bytes;
  const kept: Extent[] = [];
  for (const [offset, length] of extents) {
    if (left > 0) kept.push([offset, Math.min(length, left)]);
    left -= length;
  }
  return kept;
}

interface Reading {
  fd: number;
  extents: Extent[];
  content: ContentBuilder;
  needs: Needs;
}

/** @returns how many bytes there were: fewer than the extents say when the file has shrunk */
async function readSlabs(shared: Shared, { fd, extents, content, needs }: Reading): Promise<number> {
  const { pool, store, fileSlabs } = shared;
  const sizes = shared.chunking.file;
  const total = extents.reduce((sum, [, length]) => sum + length, 0);
  let at = 0;
  let known = total;
  let admitted: Promise<void> = Promise.resolve();

  while (at < known) {
    const slab = await fileSlabs.acquire();
    const start = 0;
    const part = slice(extents, at, slab.byteLength);
    const end = part.reduce((sum, [, length]) => sum + length, 0);
    const final = at + end >= total;
    const { boundary, outcome } = pool.run({ op: "cut", slab, start, end, sizes, final, load: { fd, extents: part } });
    admitted = admit(slab, admitted, outcome);
    admitted.catch(() => undefined); // awaited below
    const { next, end: read } = await boundary.catch(async (error: unknown) => {
      await admitted;
      throw error;
    });
    if (read < end) known = at + read;
    at += next;
  }
  await admitted;
  return known;

  async function admit(slab: Slab, previous: Promise<void>, outcome: ReturnType<typeof pool.run>["outcome"]) {
    try {
      const done = await outcome; // first: until then the slab is the worker's
      await previous;
      if (done.op !== "cut") throw new BackupError("FAILED", "a worker answered something else");
      const { ends, ids } = done.result;
      const starts = [0, ...ends];
      for (let chunk = 0; chunk < ends.length; chunk += 1) {
        content.add(ids.subarray(chunk * idBytes, (chunk + 1) * idBytes), (ends[chunk] ?? 0) - (starts[chunk] ?? 0));
      }
      store.admit({ slab, starts, ends, ids }, needs, () => fileSlabs.release(slab));
    } catch (error) {
      fileSlabs.release(slab);
      throw error;
    }
  }
}

/** The extents of `length` bytes of data from `from` on. */
function slice(extents: Extent[], from: number, length: number): Extent[] {
  const part: Extent[] = [];
  let skip = from;
  let left = length;
  for (const [offset, size] of extents) {
    if (skip < size && left > 0) {
      const count = Math.min(size - skip, left);
      part.push([offset + skip, count]);
      left -= count;
    }
    skip = Math.max(0, skip - size);
  }
  return part;
}
