import { BackupError } from "@erlmcp/errors";
import { createChunkIndex, wordsOf, type ChunkIndex, type IdWords } from "./chunk-index.ts";
import { chunkRecordBytes, idBytes, maxSegmentBytes, segmentTargetBytes } from "./layout.ts";
import type { Outcome, SegmentRequest, Slab } from "./messages.ts";
import type { PackFiles } from "./pack-files.ts";
import type { Pool } from "./pool.ts";
import { newSlab } from "./slab-pool.ts";

/** Chunks in a slab, named. */
export interface ChunkBatch {
  slab: Slab;
  starts: ArrayLike<number>;
  ends: ArrayLike<number>;
  ids: Uint8Array;
}

export interface StoreStats {
  readBytes: number; // plaintext that came in, content trees not counted
  newBytes: number; // plaintext of chunks that were not there yet, content trees too
  storedBytes: number; // written to packs
  chunks: number;
  newChunks: number;
}

/** The restore points of the base that a content needs, by their number in the base's index. */
export type Needs = Set<number>;

/** Decides which chunks are new, has them sealed and written, and remembers where they are. */
export interface ChunkStore {
  /** Takes a batch; `release` is called when its slab is free again. */
  admit(batch: ChunkBatch, needs: Needs, release: () => void): void;
  /** Takes one chunk of bytes that the caller keeps. Await `relief` before the next ones. */
  admitCopy(chunk: Uint8Array, id: Uint8Array, needs: Needs): void;
  /** Resolves when so little waits to be sealed that more may come. */
  relief(): Promise<void>;
  /** Seals and writes everything that was admitted. Throws what failed, also long before. */
  flush(): Promise<void>;
  fail(error: unknown): void;
  /** Throws when something failed. */
  check(): void;
  readonly index: ChunkIndex;
  readonly stats: StoreStats;
}

export interface ChunkStoreOptions {
  pool: Pool;
  files: PackFiles;
  base: ChunkIndex | undefined;
  onFailure: (error: unknown) => void;
  onWritten: () => void;
}

/** Fewer new bytes than this in a slab are gathered with others, so that little things share a segment. */
const gatherBytes = 256 * 1024;
/** So many gathered segments may wait for a worker. */
const waitingSegments = 8;

interface Gathering {
  slab: Slab;
  used: number;
  segment: number;
  records: Buffer[];
}

/** What was planned for one segment of a slab. */
interface Planned extends SegmentRequest {
  number: number;
  bytes: number;
}

export function createChunkStore({ pool, files, base, onFailure, onWritten }: ChunkStoreOptions): ChunkStore {
  const index = createChunkIndex();
  const self = index.addRestorePoint("");
  const stats: StoreStats = { readBytes: 0, newBytes: 0, storedBytes: 0, chunks: 0, newChunks: 0 };
  const free: Slab[] = [];
  const work = new Set<Promise<void>>();
  const waiting: PromiseWithResolvers<void>[] = [];
  let gathering: Gathering | undefined;
  let gathered = 0; // segments that wait or are being sealed
  let failure: { error: unknown } | undefined;

  /** True when it has to be stored; otherwise notes who holds it. */
  function isNew(words: IdWords, at: number, { length, needs }: { length: number; needs: Needs }): boolean {
    stats.chunks += 1;
    const known = base?.find(words, at) ?? -1;
    if (base !== undefined && known !== -1) {
      if (base.lengthOf(known) !== length) {
        throw new BackupError("CORRUPT", `the chunk index of ${base.place(known).restorePoint} has a wrong length`);
      }
      needs.add(base.restorePointOf(known));
      return false;
    }
    return index.find(words, at) === -1;
  }

  function remember(words: IdWords, at: number, place: { segment: number; offset: number; length: number }): void {
    index.add(words, at, place);
    stats.newChunks += 1;
    stats.newBytes += place.length;
  }

  async function seal(slab: Slab, segments: Planned[]): Promise<void> {
    const outcome: Outcome = await pool.run({ op: "seal", slab, segments }).outcome;
    if (outcome.op !== "seal") throw new BackupError("FAILED", "a worker answered something else");
    segments.forEach(({ number }, at) => {
      const place = outcome.result.places[at];
      if (place !== undefined) index.placeSegment(number, place);
    });
    const bytes = outcome.result.writes.reduce((sum, write) => sum + write.bytes.byteLength, 0);
    // All of them are queued at once: the next outcome of this worker goes on where its last pack ends.
    await Promise.all(outcome.result.writes.map(async (write) => files.append(write)));
    stats.storedBytes += bytes;
    onWritten();
  }

  function start(slab: Slab, segments: Planned[], release: () => void): void {
    const done = seal(slab, segments)
      .catch(fail)
      .finally(() => {
        work.delete(done);
        release();
      });
    work.add(done);
  }

  function fail(error: unknown): void {
    if (failure !== undefined) return;
    failure = { error };
    for (const wait of waiting.splice(0)) wait.reject(error);
    onFailure(error);
  }

  function sealGathered(): void {
    if (gathering === undefined) return;
    const { slab, used, segment, records } = gathering;
    gathering = undefined;
    gathered += 1;
    const request = { number: segment, bytes: used, records: Buffer.concat(records) };
    start(slab, [{ ...request, runs: [[0, used]] }], () => {
      gathered -= 1;
      free.push(slab);
      if (gathered < waitingSegments) for (const wait of waiting.splice(0)) wait.resolve();
    });
  }

  function gather(chunk: Uint8Array, id: Uint8Array, words: { words: IdWords; at: number }): void {
    if (gathering !== undefined && gathering.used + chunk.byteLength > segmentTargetBytes) sealGathered();
    gathering ??= {
      slab: free.pop() ?? newSlab(maxSegmentBytes),
      used: 0,
      segment: index.addSegment(self),
      records: [],
    };
    gathering.slab.set(chunk, gathering.used);
    gathering.records.push(record(id, chunk.byteLength));
    const place = { segment: gathering.segment, offset: gathering.used, length: chunk.byteLength };
    remember(words.words, words.at, place);
    gathering.used += chunk.byteLength;
  }

  function admit(batch: ChunkBatch, needs: Needs, release: () => void): void {
    const words = wordsOf(batch.ids);
    const fresh: number[] = [];
    let freshBytes = 0;
    for (let chunk = 0; chunk < batch.ends.length; chunk += 1) {
      const length = (batch.ends[chunk] ?? 0) - (batch.starts[chunk] ?? 0);
      stats.readBytes += length;
      if (!isNew(words, chunk * 8, { length, needs })) continue;
      fresh.push(chunk);
      freshBytes += length;
    }
    if (freshBytes < gatherBytes) {
      for (const chunk of fresh) {
        if (index.find(words, chunk * 8) !== -1) continue; // twice in this batch
        const bytes = batch.slab.subarray(batch.starts[chunk], batch.ends[chunk]);
        gather(bytes, batch.ids.subarray(chunk * idBytes, (chunk + 1) * idBytes), { words, at: chunk * 8 });
      }
      release();
    } else start(batch.slab, plan(batch, fresh, words), release);
  }

  /** Segments of consecutive new chunks. */
  function plan(batch: ChunkBatch, fresh: number[], words: IdWords): Planned[] {
    const segments: Planned[] = [];
    let records: Buffer[] = [];
    let segment: Planned | undefined;
    const close = () => {
      if (segment !== undefined) segments.push({ ...segment, records: Buffer.concat(records) });
      segment = undefined;
      records = [];
    };
    for (const chunk of fresh) {
      if (index.find(words, chunk * 8) !== -1) continue; // twice in this batch
      const from = batch.starts[chunk] ?? 0;
      const to = batch.ends[chunk] ?? 0;
      if (segment !== undefined && segment.bytes + to - from > segmentTargetBytes) close();
      segment ??= { number: index.addSegment(self), bytes: 0, runs: [], records: Buffer.alloc(0) };
      remember(words, chunk * 8, { segment: segment.number, offset: segment.bytes, length: to - from });
      const last = segment.runs.at(-1);
      if (last !== undefined && last[1] === from) last[1] = to;
      else segment.runs.push([from, to]);
      segment.bytes += to - from;
      records.push(record(batch.ids.subarray(chunk * idBytes, (chunk + 1) * idBytes), to - from));
    }
    close();
    return segments;
  }

  return {
    index,
    stats,
    admit(batch, needs, release) {
      if (failure === undefined) admit(batch, needs, release);
      else release();
    },
    admitCopy(chunk, id, needs) {
      const words = wordsOf(id);
      if (isNew(words, 0, { length: chunk.byteLength, needs })) gather(chunk, id, { words, at: 0 });
    },
    async relief() {
      if (failure !== undefined) throw failure.error;
      if (gathered < waitingSegments) return;
      const wait = Promise.withResolvers<void>();
      waiting.push(wait);
      await wait.promise;
    },
    async flush() {
      sealGathered();
      while (work.size > 0) await Promise.all(work);
      if (failure !== undefined) throw failure.error;
    },
    fail,
    check() {
      if (failure !== undefined) throw failure.error;
    },
  };
}

function record(id: Uint8Array, length: number): Buffer {
  const bytes = Buffer.alloc(chunkRecordBytes);
  bytes.set(id);
  bytes.writeUInt32BE(length, idBytes);
  return bytes;
}
