import type { Component, ContentRef, Entry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { decodeEntries, type ManifestSource } from "@erlmcp/manifest";
import { packName, PackError, wordsOfHex, type ChunkIndex, type PackReader } from "@erlmcp/pack";
import { attempt } from "./attempt.ts";
import { createPlaceCheck } from "./place-check.ts";
import { finding, objectOf, type Finding, type Place } from "./finding.ts";
import { packKey, idOf } from "./packs.ts";
import type { Proven } from "./proven.ts";

export interface WalkOptions {
  readonly id: string; // of the restore point
  readonly index: ChunkIndex;
  readonly reader: PackReader;
  readonly signal: AbortSignal;
  readonly add: (found: Finding) => void;
}

/** IDs of damaged chunks by pack, as packKey numbers them. */
export type Damage = ReadonlyMap<number, ReadonlySet<string>>;

/** What the entries of one source add up to. */
export interface SourceCounts {
  entries: number;
  rows: number; // of tables
  bytes: number; // of contents
  files: number;
  fileBytes: number; // of files as they were, holes included
}

/** Lists may name the same chunk again and again: more than this, and more than 64 times what there is, is no restore point of ours. */
const leastBudget = 10_000_000;

/** Walks the entries of a restore point: whether their contents are covered, and by which packs. */
export interface ContentWalk {
  /** The packs that hold what has been walked. */
  readonly needed: ReadonlySet<number>;
  /** Whether what stands in the entry stream adds up; its contents are not opened. */
  source(source: ManifestSource, proven: Proven): Promise<void>;
  /** Names the tables and files of a source that are hit by damage. */
  nameDamaged(source: ManifestSource, damage: Damage): Promise<void>;
  /** Whether all chunks of a content are there. */
  content(content: ContentRef, place: Place): Promise<void>;
  counts(): ReadonlyMap<ManifestSource, SourceCounts>;
}

export function createContentWalk({ id, index, reader, signal, add }: WalkOptions): ContentWalk {
  const needed = new Set<number>();
  const counted = new Map<ManifestSource, SourceCounts>();
  let budget = Math.max(leastBudget, index.size * 64);
  const wrong = (place: Place, what: string) => add(finding(id, place, what));

  const found = (chunk: string, length: number) => ({ id: chunk, number: index.find(wordsOfHex(chunk), 0), length });

  /** Each chunk of a content, by its number in the index, and the length that a list gives it. */
  async function* chunksOf(content: ContentRef): AsyncGenerator<{ id: string; number: number; length: number }> {
    if (content.depth === 0) {
      for (const chunk of content.chunks) yield found(chunk, -1);
      return;
    }
    for await (const { id: chunk, length } of reader.list(content, 0)) {
      budget -= 1;
      if (budget < 0) throw new BackupError("CORRUPT", "its contents name more chunks than there can be");
      if (budget % 65_536 === 0) signal.throwIfAborted();
      yield found(chunk, length);
    }
  }

  async function cover(content: ContentRef): Promise<string[]> {
    const problems: string[] = [];
    let bytes = 0;
    let missing = 0;
    for await (const chunk of chunksOf(content)) {
      if (chunk.number === -1) {
        missing += 1;
        if (missing === 1) problems.push(`chunk ${chunk.id} is in none of ${index.restorePoints().join(", ")}`);
        continue;
      }
      const length = index.lengthOf(chunk.number);
      if (chunk.length !== -1 && chunk.length !== length) {
        problems.push(`chunk ${chunk.id} is ${length} bytes long, its content says ${chunk.length}`);
      }
      bytes += length;
      if (bytes > content.bytes) {
        problems.push(`its chunks give more than the ${content.bytes} bytes that it should have`);
        return problems;
      }
      const { pack } = index.place(chunk.number).segment;
      needed.add(packKey(index.restorePointOf(chunk.number), pack));
    }
    if (missing > 1) problems.push(`${missing} of its chunks are missing`);
    if (missing === 0 && bytes !== content.bytes) {
      problems.push(`its chunks give ${bytes} bytes, it should have ${content.bytes}`);
    }
    return problems;
  }

  async function checkContent(content: ContentRef, place: Place): Promise<void> {
    const covered = await attempt(async () => readable(cover(content)));
    if ("problem" in covered) wrong(place, covered.problem);
    else if (covered.value instanceof PackError) wrong({ ...place, ...placeOf(covered.value, id) }, covered.value.what);
    else for (const what of covered.value) wrong(place, what);
  }

  async function walk(walked: ManifestSource, visit: (entry: Entry) => Promise<void>): Promise<PackError | undefined> {
    const done = await readable(
      (async () => {
        for await (const entry of decodeEntries(reader.read(walked.entries), "its entry stream")) {
          signal.throwIfAborted();
          await visit(entry);
        }
        return undefined;
      })(),
    );
    return done;
  }

  async function source(described: ManifestSource, proven: Proven): Promise<void> {
    const { component, name } = described;
    const place = { component, source: name };
    const counts = { entries: 0, rows: 0, bytes: 0, files: 0, fileBytes: 0 };
    const placed = createPlaceCheck();
    proven.sources += 1;
    await checkContent(described.entries, place);
    const walked = await attempt(async () =>
      walk(described, async (entry) => {
        const at = { ...place, path: textOf(entry) };
        count(counts, entry);
        for (const what of [...contradictions(entry, component), ...placed(entry)]) wrong(at, what);
        if (!("content" in entry)) return;
        proven.contentBytes += entry.content.bytes;
        await checkContent(entry.content, at);
      }),
    );
    proven.entries += counts.entries;
    const broken = "problem" in walked ? walked.problem : walked.value?.what;
    if (broken === undefined) {
      counted.set(described, counts);
      return;
    }
    const at = "value" in walked && walked.value !== undefined ? placeOf(walked.value, id) : {};
    wrong({ ...place, ...at }, `its entries end after ${counts.entries} of ${described.entry_count}: ${broken}`);
  }

  async function nameDamaged(described: ManifestSource, damage: Damage): Promise<void> {
    const place = { component: described.component, source: described.name };
    await attempt(async () =>
      walk(described, async (entry) => {
        if (!("content" in entry)) return;
        for (const [chunk, count_] of await hits(entry.content, damage)) {
          const { segment, restorePoint } = index.place(chunk);
          const object = objectOf(id, restorePoint, packName(segment.pack));
          const at = { ...place, path: textOf(entry), object, offset: segment.offset, chunk: idOf(index, chunk) };
          wrong(at, `${count_} of its chunks in this pack cannot be read`);
        }
      }),
    ); // what of the stream itself can't be read has been said by source()
  }

  /** The first damaged chunk of a content in each pack, and how many there are. */
  async function hits(content: ContentRef, damage: Damage): Promise<Map<number, number>> {
    const first = new Map<number, { chunk: number; count: number }>();
    await attempt(async () => {
      for await (const { id: chunk, number } of chunksOf(content)) {
        if (number === -1) continue;
        const key = packKey(index.restorePointOf(number), index.place(number).segment.pack);
        if (damage.get(key)?.has(chunk) !== true) continue;
        const known = first.get(key) ?? { chunk: number, count: 0 };
        first.set(key, { ...known, count: known.count + 1 });
      }
    });
    return new Map(Array.from(first.values(), ({ chunk, count: hit }) => [chunk, hit]));
  }

  return { needed, source, nameDamaged, content: checkContent, counts: () => counted };
}

/** A damaged pack that was met on the way is an answer here, so that its place is not lost in a message. */
async function readable<T>(work: Promise<T>): Promise<T | PackError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof PackError) return error;
    throw error;
  }
}

function placeOf({ place }: PackError, id: string): Place {
  const object = objectOf(id, place.restorePoint, packName(place.number));
  return { object, offset: place.offset, chunk: place.chunk ?? null };
}

function textOf({ path }: Entry): string {
  return typeof path === "string" ? path : `base64:${path.b64}`;
}

function count(counts: SourceCounts, entry: Entry): void {
  counts.entries += 1;
  if ("content" in entry) counts.bytes += entry.content.bytes;
  if (entry.kind === "table") counts.rows += entry.rows;
  if (entry.kind !== "file") return;
  counts.files += 1;
  counts.fileBytes += entry.size;
}

/** What of an entry cannot be, whatever its chunks hold. */
function contradictions(entry: Entry, component: Component): string[] {
  const problems: string[] = [];
  const isTree = entry.kind !== "table" && entry.kind !== "dump";
  const wanted =
    component === "postgres" ? "dump" : component === "volumes" || component === "config" ? "tree" : "table";
  if ((isTree ? "tree" : entry.kind) !== wanted) problems.push(`a ${entry.kind} is nothing of ${component}`);
  if (entry.kind !== "file") return problems;
  const { sparse, size, content } = entry;
  if (sparse === undefined) {
    if (content.bytes !== size) problems.push(`a file of ${size} bytes has contents of ${content.bytes}`);
    return problems;
  }
  let end = 0;
  let bytes = 0;
  for (const [offset, length] of sparse) {
    if (offset < end || offset + length > size)
      problems.push(`its data at ${offset} lies outside of it or in other data`);
    end = offset + length;
    bytes += length;
  }
  if (bytes !== content.bytes) problems.push(`${bytes} bytes of data have contents of ${content.bytes}`);
  return problems;
}
