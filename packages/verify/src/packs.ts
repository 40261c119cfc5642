import {
  examineFile,
  examRecordBytes,
  packName,
  PackError,
  wordsOf,
  type ChunkIndex,
  type Examiner,
  type PackExam,
  type PackReader,
  type RestorePointKey,
} from "@erlmcp/pack";
import { attempt } from "./attempt.ts";
import { finding, type Finding } from "./finding.ts";
import { compareObject, type ExpectedObject, type ObjectReader } from "./objects.ts";

/** What became of one pack. */
export interface PackVerdict {
  readonly findings: readonly Finding[];
  /** IDs of the chunks that can't be had from it, as chunks.idx places them. */
  readonly damaged: ReadonlySet<string>;
  readonly counts: Pick<PackExam, "segments" | "chunks" | "plainBytes" | "storedBytes"> | undefined;
}

export interface PackCheck {
  readonly id: string; // of the restore point
  readonly number: number;
  readonly expected: ExpectedObject;
  readonly key: RestorePointKey | undefined;
  readonly index: ChunkIndex;
  readonly chunks: Uint32Array; // numbers of those that the index places in this pack
}

export interface PackTools {
  readonly objects: ObjectReader;
  readonly examiner: Examiner;
  readonly reader: PackReader; // over the same index
}

/** Opens every chunk of a pack, and compares with manifest and index. */
export async function checkPack(tools: PackTools, check: PackCheck): Promise<PackVerdict> {
  const { id, number, expected } = check;
  const found: Finding[] = [];
  const wrong = (place: { offset?: number; chunk?: string | null }, what: string) =>
    found.push(finding(id, { object: packName(number), ...place }, what));
  const examined = await attempt(async () => examine(tools, check));
  if ("problem" in examined) {
    wrong({}, examined.problem);
    return {
      findings: found,
      damaged: new Set(Array.from(check.chunks, (chunk) => idOf(check.index, chunk))),
      counts: undefined,
    };
  }
  const exam = examined.value;
  for (const what of compareObject(expected, { bytes: exam.storedBytes, sha256: exam.sha256 })) wrong({}, what);
  for (const { offset, chunk, what } of exam.problems) wrong({ offset, chunk }, what);
  const { unproven, strangers } = compareWithIndex(check, exam);
  for (const { offset, chunk } of strangers)
    wrong({ offset, chunk }, `chunk ${chunk} is not in chunks.idx at this place`);
  const known = new Set(exam.problems.map(({ offset }) => offset));
  const { damaged, problems } = await readOneByOne(tools.reader, check, unproven);
  const footerOpened = exam.segments > 0 || exam.problems.length === 0;
  for (const { offset, chunk, what } of problems) {
    if (what !== undefined ? !known.has(offset) : footerOpened) {
      wrong({ offset, chunk }, what ?? `chunk ${chunk}: chunks.idx places it here, the footer doesn't`);
    }
  }
  return { findings: found, damaged, counts: exam };
}

async function examine({ objects, examiner }: PackTools, { id, number, key }: PackCheck): Promise<PackExam> {
  const file = await objects.open(id, packName(number));
  try {
    const bytes = await objects.whole(file);
    const pack = { restorePoint: id, number, key };
    return bytes === undefined ? await examineFile(pack, file) : await examiner.pack(pack, bytes);
  } finally {
    await file.close?.();
  }
}

interface At {
  readonly offset: number;
  readonly chunk: string;
}

/** Which indexed chunks were not proven at their place, and which chunks the index does not know at theirs (one a segment). */
function compareWithIndex({ id, index, chunks }: PackCheck, exam: PackExam): { unproven: number[]; strangers: At[] } {
  const proven = new Set<number>();
  const strangers = new Map<number, At>();
  const records = Buffer.from(exam.records.buffer, exam.records.byteOffset, exam.records.byteLength);
  for (let at = 0; at < records.length; at += examRecordBytes) {
    const record = records.subarray(at, at + examRecordBytes);
    const place = exam.places[record.readUInt32BE(32)];
    const chunk = index.find(wordsOf(Uint8Array.from(record.subarray(0, 32))), 0);
    if (place === undefined) continue;
    const indexed = chunk === -1 ? undefined : index.place(chunk);
    if (indexed !== undefined && indexed.restorePoint !== id) continue; // an older one of the generation has it as well
    const same =
      indexed !== undefined &&
      (["pack", "offset", "sealedBytes", "plainBytes", "encoding"] as const).every(
        (n) => indexed.segment[n] === place[n],
      ) &&
      indexed.offset === record.readUInt32BE(36) &&
      indexed.length === record.readUInt32BE(40);
    if (same) proven.add(chunk);
    else if (!strangers.has(place.offset)) {
      strangers.set(place.offset, { offset: place.offset, chunk: record.toString("hex", 0, 32) });
    }
  }
  return { unproven: Array.from(chunks).filter((chunk) => !proven.has(chunk)), strangers: [...strangers.values()] };
}

/** What the walk over the footer didn't prove may be there all the same: the footer may be all that is damaged. */
async function readOneByOne(
  reader: PackReader,
  { index }: PackCheck,
  unproven: readonly number[],
): Promise<{ damaged: Set<string>; problems: (At & { what: string | undefined })[] }> {
  const damaged = new Set<string>();
  const problems = new Map<number, At & { what: string | undefined }>();
  const bySegment = unproven.toSorted((a, b) => index.place(a).segmentNumber - index.place(b).segmentNumber);
  for (const number of bySegment) {
    const chunk = idOf(index, number);
    const { segment } = index.place(number);
    const read = await attempt(async () => whyUnread(reader, chunk));
    const what = "problem" in read ? read.problem : read.value;
    if (what !== undefined) damaged.add(chunk);
    const known = problems.get(segment.offset);
    if (known === undefined || (known.what === undefined && what !== undefined)) {
      problems.set(segment.offset, { offset: segment.offset, chunk, what });
    }
  }
  return { damaged, problems: [...problems.values()] };
}

/** Without the place that a pack's error names: the finding has it. */
async function whyUnread(reader: PackReader, chunk: string): Promise<string | undefined> {
  try {
    await reader.chunk(chunk);
    return undefined;
  } catch (error) {
    if (error instanceof PackError) return error.what;
    throw error;
  }
}

export function idOf(index: ChunkIndex, chunk: number): string {
  const row = index.row(chunk);
  return Buffer.from(row.buffer, row.byteOffset, 32).toString("hex");
}

/** One number for a pack of a restore point of the index. */
export function packKey(owner: number, pack: number): number {
  return owner * 2 ** 32 + pack;
}

/** The chunks of an index by the pack that holds them. */
export function groupByPack(index: ChunkIndex): Map<number, Uint32Array> {
  const counts = new Map<number, number>();
  const segments = index.segments();
  const keyOf = (chunk: number) => packKey(index.restorePointOf(chunk), segments[index.row(chunk)[8] ?? 0]?.pack ?? 0);
  for (let chunk = 0; chunk < index.size; chunk += 1) {
    const key = keyOf(chunk);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const groups = new Map(Array.from(counts, ([key, count]) => [key, { chunks: new Uint32Array(count), used: 0 }]));
  for (let chunk = 0; chunk < index.size; chunk += 1) {
    const group = groups.get(keyOf(chunk));
    if (group === undefined) continue;
    group.chunks[group.used] = chunk;
    group.used += 1;
  }
  return new Map(Array.from(groups, ([key, { chunks }]) => [key, chunks]));
}
