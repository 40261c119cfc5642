import { BackupError } from "@erlmcp/errors";
import {
  createChunkIndex,
  createPackReader,
  indexName,
  loadIndex,
  rebuildIndex,
  type ChunkIndex,
  type PackReader,
  type RestorePointKey,
} from "@erlmcp/pack";
import { documentSealer } from "@erlmcp/restore-point";
import { attempt, problemOf } from "./attempt.ts";
import type { ObjectReader } from "./objects.ts";

/** A restore point whose chunks are to be found. */
export interface IndexedPoint {
  readonly id: string;
  readonly key: RestorePointKey | undefined;
  readonly packs: number; // how many it has
  readonly damaged: boolean; // chunks.idx is known not to be what it was
}

/** The chunks of several restore points. */
export interface IndexSet {
  readonly index: ChunkIndex;
  readonly reader: PackReader;
  /** Of those whose chunks.idx could not be loaded though its SHA-256 is right. */
  readonly problems: readonly { readonly id: string; readonly what: string }[];
}

/** Loads each chunks.idx; what a damaged one should say is taken from the footers of the packs. */
export async function openIndexes(reader: ObjectReader, points: readonly IndexedPoint[]): Promise<IndexSet> {
  const problems: { id: string; what: string }[] = [];
  const rebuilt = new Set(points.filter(({ damaged }) => damaged).map(({ id }) => id));
  for (;;) {
    const index = createChunkIndex();
    const failed = await fill(index, reader, { points, rebuilt });
    if (failed !== undefined) {
      // What was loaded of it can't be taken out again.
      problems.push(failed);
      rebuilt.add(failed.id);
      continue;
    }
    const keys = new Map(points.map(({ id, key }) => [id, key]));
    const packs = createPackReader({ index, open: openNamed(reader), key: (id) => keys.get(id) });
    return { index, reader: packs, problems };
  }
}

/** What cannot be opened while something else is walked is named, and not just why. */
function openNamed(reader: ObjectReader): ObjectReader["open"] {
  return async (id, name) => {
    try {
      return await reader.open(id, name);
    } catch (cause) {
      const problem = problemOf(cause);
      if (problem === undefined) throw cause;
      throw new BackupError("CORRUPT", `${id}/${name}: ${problem}`, { cause });
    }
  };
}

async function fill(
  index: ChunkIndex,
  reader: ObjectReader,
  { points, rebuilt }: { points: readonly IndexedPoint[]; rebuilt: ReadonlySet<string> },
): Promise<{ id: string; what: string } | undefined> {
  for (const point of points) {
    if (rebuilt.has(point.id)) {
      await addFromFooters(index, reader, point);
      continue;
    }
    const loaded = await attempt(async () => {
      const file = await reader.open(point.id, indexName);
      try {
        await loadIndex(index, { restorePoint: point.id, file, sealer: documentSealer(point.key) });
      } finally {
        await file.close?.();
      }
    });
    if ("problem" in loaded) return { id: point.id, what: loaded.problem };
  }
  return undefined;
}

/** A pack whose footer does not open adds nothing: that it doesn't is found when the pack is opened. */
async function addFromFooters(
  index: ChunkIndex,
  reader: ObjectReader,
  { id, key, packs }: IndexedPoint,
): Promise<void> {
  const owner = index.addRestorePoint(id);
  for (let number = 1; number <= packs; number += 1) {
    const open = async (restorePoint: string, name: string) => reader.open(restorePoint, name);
    const found = await attempt(async () => rebuildIndex({ restorePoint: id, packs: [number], open, key }));
    if ("value" in found) addAll(index, owner, found.value);
  }
}

function addAll(index: ChunkIndex, owner: number, pack: ChunkIndex): void {
  const segments = pack.segments().map((place) => index.addSegment(owner, place));
  for (let chunk = 0; chunk < pack.size; chunk += 1) {
    const row = Uint32Array.from(pack.row(chunk));
    const { offset, length, segmentNumber } = pack.place(chunk);
    if (index.find(row, 0) === -1) index.add(row, 0, { segment: segments[segmentNumber] ?? 0, offset, length });
  }
}
