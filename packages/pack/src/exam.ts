import { chunkRecordBytes as footerRecordBytes, idBytes, type SegmentPlace } from "./layout.ts";
import { examinePack, type PackCounts } from "./examine-pack.ts";
import type { RangeReader } from "./range-reader.ts";
import { openWith, type RestorePointKey } from "./reader.ts";
import { digestOf } from "./verify-packs.ts";

/** A pack and what opens it; `key` is undefined when it is not encrypted. */
export interface PackToProve {
  readonly restorePoint: string;
  readonly number: number;
  readonly key: RestorePointKey | undefined;
}

/** What is wrong at one place of a pack. */
export interface PackProblem {
  readonly offset: number; // of the segment or the footer
  readonly chunk: string | null; // its ID, where it is one chunk
  readonly what: string;
}

/** What was found in a pack, as it crosses threads. */
export interface PackExam extends PackCounts {
  readonly sha256: string; // of the whole, hex
  readonly storedBytes: number;
  readonly problems: readonly PackProblem[];
  /** The segments that hold a proven chunk. */
  readonly places: readonly SegmentPlace[];
  /** The proven chunks, 44 bytes each: ID, then number in `places`, offset in the segment, length, big-endian. */
  readonly records: Uint8Array;
}

export const examRecordBytes = footerRecordBytes + 8;

/** Opens every chunk of a pack that can be read in ranges. Throws only what is not about its contents. */
export async function examineFile({ restorePoint, number, key }: PackToProve, file: RangeReader): Promise<PackExam> {
  const sha256 = await digestOf(file);
  const places: SegmentPlace[] = [];
  const records = createRecords();
  const found = await examinePack({ restorePoint, number, file, opened: openWith(key) }, (chunk, place) => {
    if (places.at(-1) !== place) places.push(place);
    records.add(chunk.id, [places.length - 1, chunk.offset, chunk.length]);
    return undefined;
  });
  const problems = found.problems.map(({ place, what }) => ({
    offset: place.offset,
    chunk: place.chunk ?? null,
    what,
  }));
  return { ...found, problems, sha256, storedBytes: file.size, places, records: records.bytes() };
}

/** As examineFile, of a pack that is in memory. */
export async function examineBytes(pack: PackToProve, bytes: Uint8Array): Promise<PackExam> {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return examineFile(pack, {
    size: whole.length,
    read: (offset, length) => Promise.resolve(whole.subarray(offset, offset + length)),
  });
}

function createRecords() {
  let all = Buffer.alloc(256 * examRecordBytes);
  let used = 0;
  return {
    add(id: Uint8Array, numbers: readonly [place: number, offset: number, length: number]): void {
      if (used === all.length) all = Buffer.concat([all], all.length * 2);
      all.set(id, used);
      numbers.forEach((number, index) => all.writeUInt32BE(number, used + idBytes + 4 * index));
      used += examRecordBytes;
    },
    bytes: (): Uint8Array<ArrayBuffer> => Uint8Array.from(all.subarray(0, used)),
  };
}
