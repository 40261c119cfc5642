import { chunkIdKey, createPackSealer, plainSealer, type Random } from "@erlmcp/crypto";
import { createNameChunk } from "./chunk-id.ts";
import type { ChunkSizes } from "./chunking.ts";
import { createCut, type Cut } from "./cutter.ts";
import { gearTable } from "./gear.ts";
import { idBytes } from "./layout.ts";
import type {
  CutBoundary,
  CutResult,
  CutTask,
  FileOutcome,
  FilesResult,
  FilesTask,
  Outcome,
  SealTask,
  SegmentRequest,
  Slab,
  Task,
  WorkerSettings,
} from "./messages.ts";
import { createPackBuilder } from "./pack-builder.ts";
import { readExtents, readSmallFile } from "./read-file.ts";

/** Does one task after the other, on whatever thread. Throws what the system throws. */
export type WorkerCore = (task: Task, onBoundary: (boundary: CutBoundary) => void) => Outcome;

/** Reads, cuts, names, compresses and seals: all that costs time. */
export function createWorkerCore(settings: WorkerSettings, random: Random): WorkerCore {
  const { dataKey, generationKey, cipher, level } = settings;
  const idKey =
    generationKey === undefined
      ? undefined
      : chunkIdKey({ dataKey: Buffer.alloc(0), generationKey: Buffer.from(generationKey) });
  const name = createNameChunk(idKey);
  const gear = gearTable(generationKey);
  const cuts = new Map<string, Cut>();
  const counter = new Int32Array(settings.packCounter);
  const builder = createPackBuilder({
    sealer: dataKey === undefined ? plainSealer : createPackSealer({ dataKey, cipher, random }),
    level,
    nextNumber: () => Atomics.add(counter, 0, 1) + 1,
  });

  function cutFor(sizes: ChunkSizes): Cut {
    const key = `${sizes.min} ${sizes.average} ${sizes.max}`;
    const cut = cuts.get(key) ?? createCut(gear, sizes);
    cuts.set(key, cut);
    return cut;
  }

  function named(slab: Slab, starts: number[], ends: number[]): CutResult {
    const ids = new Uint8Array(ends.length * idBytes);
    ends.forEach((end, index) => name(slab.subarray(starts[index] ?? 0, end), ids, index * idBytes));
    return { ends: Uint32Array.from(ends), ids };
  }

  function cutSlab(task: CutTask, onBoundary: (boundary: CutBoundary) => void): CutResult {
    const { slab, start, load } = task;
    const end = load === undefined ? task.end : readExtents(load.fd, load.extents, { target: slab, start });
    const ends = boundaries(cutFor(task.sizes), slab, { start, end, final: task.final || end < task.end });
    onBoundary({ next: ends.at(-1) ?? start, end });
    return named(slab, [start, ...ends], ends);
  }

  function readFiles({ slab, sizes, paths }: FilesTask): FilesResult {
    const cut = cutFor(sizes);
    const outcomes: FileOutcome[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    let at = 0;
    const largeBytes = slab.byteLength / 2;
    for (const path of eachPath(paths)) {
      const outcome = readSmallFile(path, { target: slab, start: at, largeBytes });
      if (outcome === undefined) break;
      outcomes.push(outcome);
      if (outcome.kind !== "read") continue;
      const own = boundaries(cut, slab, { start: at, end: at + outcome.bytes, final: true });
      outcome.chunks = own.length;
      starts.push(...[at, ...own].slice(0, own.length));
      ends.push(...own);
      at += outcome.bytes;
    }
    return { ...named(slab, starts, ends), starts: Uint32Array.from(starts), outcomes };
  }

  function seal({ slab, segments }: SealTask): Outcome {
    const places = segments.map((segment) => builder.add(gather(slab, segment), segment.records));
    return { op: "seal", result: { places, writes: builder.take() } };
  }

  return (task, onBoundary) => {
    if (task.op === "cut") return { op: "cut", result: cutSlab(task, onBoundary) };
    if (task.op === "files") return { op: "files", result: readFiles(task) };
    if (task.op === "seal") return seal(task);
    builder.end();
    return { op: "end", result: { writes: builder.take() } };
  };
}

function* eachPath(paths: Uint8Array<ArrayBuffer>): Generator<Buffer> {
  const all = Buffer.from(paths.buffer);
  for (let at = 0, end = all.indexOf(0); end !== -1; at = end + 1, end = all.indexOf(0, at))
    yield all.subarray(at, end);
}

/** The ends of all chunks that the bytes at hand decide; `final` makes a chunk of what is left. */
export function boundaries(
  cut: Cut,
  data: Uint8Array,
  { start, end, final }: { start: number; end: number; final: boolean },
): number[] {
  const ends: number[] = [];
  let at = start;
  while (at < end) {
    const next = cut(data, at, end);
    if (next === -1) break;
    ends.push(next);
    at = next;
  }
  if (final && at < end) ends.push(end);
  return ends;
}

/** The bytes of a segment: where they lie in one run they need no copy. */
function gather(slab: Slab, { runs }: SegmentRequest): Uint8Array {
  const [first] = runs;
  if (first !== undefined && runs.length === 1) return slab.subarray(first[0], first[1]);
  return Buffer.concat(runs.map(([start, end]) => slab.subarray(start, end)));
}
