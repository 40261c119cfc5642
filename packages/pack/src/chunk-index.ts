import { BackupError } from "@erlmcp/errors";
import type { SegmentPlace } from "./layout.ts";

/** A chunk ID as eight words of this machine's byte order: what a lookup compares. */
export type IdWords = Uint32Array;

const idWords = 8;
const entryWords = idWords + 3; // ID, segment, offset in it, length
const blockBits = 15;
const blockEntries = 1 << blockBits;

/** Where a chunk lies: so many bytes from `offset` of the opened segment on. */
export interface ChunkPlace {
  restorePoint: string;
  segment: SegmentPlace;
  segmentNumber: number; // within this index
  offset: number;
  length: number;
}

/**
 * Which chunks there are and where: those of any number of restore points. A chunk takes 44 bytes and a slot of
 * an open hash table, about 55 bytes in all, in arrays that grow without being copied.
 */
export interface ChunkIndex {
  readonly size: number;
  addRestorePoint(id: string): number;
  /** Announces a segment; where it lies may be told later. */
  addSegment(restorePoint: number, place?: SegmentPlace): number;
  placeSegment(segment: number, place: SegmentPlace): void;
  segments(): readonly (SegmentPlace | undefined)[];
  /** The chunk's number, from 0; the ID stands at `at` of `words`. */
  add(words: IdWords, at: number, place: { segment: number; offset: number; length: number }): number;
  /** The chunk's number or -1. */
  find(words: IdWords, at: number): number;
  restorePointOf(chunk: number): number;
  restorePoints(): readonly string[];
  lengthOf(chunk: number): number;
  /** The chunk's words: 8 of its ID, its segment, the offset in it, its length. */
  row(chunk: number): Uint32Array;
  place(chunk: number): ChunkPlace;
}

export function createChunkIndex(): ChunkIndex {
  const blocks: Uint32Array[] = [];
  const restorePoints: string[] = [];
  const segments: (SegmentPlace | undefined)[] = [];
  const owners: number[] = []; // restore point of each segment
  let size = 0;
  let slots = new Uint32Array(1 << 12); // chunk number + 1; 0 is free

  function row(chunk: number): Uint32Array {
    const block = blocks[chunk >>> blockBits];
    if (block === undefined || chunk >= size) throw new RangeError(`no chunk ${chunk} in the index`);
    const at = (chunk & (blockEntries - 1)) * entryWords;
    return block.subarray(at, at + entryWords);
  }

  function same(chunk: number, words: IdWords, at: number): boolean {
    const block = blocks[chunk >>> blockBits];
    if (block === undefined) return false;
    const from = (chunk & (blockEntries - 1)) * entryWords;
    for (let word = 0; word < idWords; word += 1) if (block[from + word] !== words[at + word]) return false;
    return true;
  }

  function insert(chunk: number, firstWord: number): void {
    const mask = slots.length - 1;
    let slot = firstWord & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = chunk + 1;
  }

  function grow(): void {
    slots = new Uint32Array(slots.length * 2);
    for (let chunk = 0; chunk < size; chunk += 1) {
      insert(chunk, blocks[chunk >>> blockBits]?.[(chunk & (blockEntries - 1)) * entryWords] ?? 0);
    }
  }

  function placed(segment: number): SegmentPlace {
    const place = segments[segment];
    if (place === undefined) throw new BackupError("FAILED", `segment ${segment} has not been written`);
    return place;
  }

  function segmentOf(chunk: number): number {
    return row(chunk)[idWords] ?? 0;
  }

  return {
    get size() {
      return size;
    },
    addRestorePoint: (id) => restorePoints.push(id) - 1,
    addSegment(restorePoint, place) {
      owners.push(restorePoint);
      return segments.push(place) - 1;
    },
    placeSegment(segment, place) {
      segments[segment] = place;
    },
    segments: () => segments,
    add(words, at, { segment, offset, length }) {
      if (size * 10 >= slots.length * 6) grow();
      const chunk = size;
      if ((chunk & (blockEntries - 1)) === 0) blocks.push(new Uint32Array(blockEntries * entryWords));
      size += 1;
      const target = row(chunk);
      for (let word = 0; word < idWords; word += 1) target[word] = words[at + word] ?? 0;
      target[idWords] = segment;
      target[idWords + 1] = offset;
      target[idWords + 2] = length;
      insert(chunk, target[0] ?? 0);
      return chunk;
    },
    find(words, at) {
      const mask = slots.length - 1;
      let slot = (words[at] ?? 0) & mask;
      for (;;) {
        const chunk = (slots[slot] ?? 0) - 1;
        if (chunk === -1 || same(chunk, words, at)) return chunk;
        slot = (slot + 1) & mask;
      }
    },
    restorePointOf: (chunk) => owners[segmentOf(chunk)] ?? 0,
    restorePoints: () => restorePoints,
    lengthOf: (chunk) => row(chunk)[idWords + 2] ?? 0,
    row,
    place(chunk) {
      const [segment = 0, offset = 0, length = 0] = row(chunk).subarray(idWords);
      const restorePoint = restorePoints[owners[segment] ?? 0] ?? "";
      return { restorePoint, segment: placed(segment), segmentNumber: segment, offset, length };
    },
  };
}

/** The words of IDs that stand back to back. */
export function wordsOf(ids: Uint8Array): IdWords {
  if (ids.byteOffset % 4 === 0) return new Uint32Array(ids.buffer, ids.byteOffset, ids.byteLength >>> 2);
  return new Uint32Array(Uint8Array.from(ids).buffer);
}

export function wordsOfHex(id: string): IdWords {
  return new Uint32Array(Uint8Array.from(Buffer.from(id, "hex")).buffer);
}
