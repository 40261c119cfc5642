import { plainSealer, type Sealer } from "@erlmcp/crypto";
import { BackupError } from "@erlmcp/errors";
import { wordsOf, type ChunkIndex } from "./chunk-index.ts";
import {
  formatVersion,
  idBytes,
  maxPackBytes,
  maxSegmentBytes,
  packHeaderBytes,
  parseEncoding,
  words,
  type SegmentPlace,
} from "./layout.ts";
import type { RangeReader } from "./range-reader.ts";

export const indexName = "chunks.idx";

const magic = Buffer.from("erlmcpIX", "latin1");
const headerBytes = 16;
const frameHeadBytes = 4;
const segmentRecordBytes = 20;
const chunkRecordBytes = 44;
/** Records in a frame: of either sort they fill well under a MiB. */
const frameRecords = 16_384;
const maxFrameBytes = 1024 * 1024;

/**
 * The table of a run's chunks as it is stored: a header, then sealed frames. The first holds the counts, the
 * next ones the segments in the order of their place, the others the chunks in the order of their IDs.
 */
export function* encodeIndex(index: ChunkIndex, sealer: Sealer = plainSealer): Generator<Buffer> {
  let offset = 0;
  let frames = 0;
  const frame = (plaintext: Buffer): Buffer => {
    const parts = sealer.seal({ kind: "index", number: frames, offset }, plaintext);
    const head = Buffer.alloc(frameHeadBytes);
    head.writeUInt32BE(parts.reduce((sum, part) => sum + part.byteLength, 0));
    const bytes = Buffer.concat([head, ...parts]);
    frames += 1;
    offset += bytes.length;
    return bytes;
  };

  const header = words(magic, formatVersion, 0);
  offset = header.length;
  yield header;
  const segments = index.segments();
  const counts = Buffer.alloc(8);
  counts.writeUInt32BE(segments.length, 0);
  counts.writeUInt32BE(index.size, 4);
  yield frame(counts);
  const { order, ranks } = segmentOrder(segments);
  for (let at = 0; at < order.length; at += frameRecords) {
    yield frame(Buffer.concat(order.slice(at, at + frameRecords).map(encodeSegmentRecord)));
  }
  for (const records of chunkFrames(index, ranks)) yield frame(records);
}

function segmentOrder(segments: readonly (SegmentPlace | undefined)[]) {
  const numbered = segments.map((place, number) => {
    if (place === undefined) throw new BackupError("FAILED", `segment ${number} has not been written`);
    return { place, number };
  });
  numbered.sort((a, b) => a.place.pack - b.place.pack || a.place.offset - b.place.offset);
  const ranks = new Uint32Array(segments.length);
  numbered.forEach(({ number }, rank) => {
    ranks[number] = rank;
  });
  return { order: numbered.map(({ place }) => place), ranks };
}

function encodeSegmentRecord(place: SegmentPlace): Buffer {
  const record = Buffer.alloc(segmentRecordBytes);
  record.writeUInt32BE(place.pack, 0);
  record.writeUInt32BE(place.offset, 4);
  record.writeUInt32BE(place.sealedBytes, 8);
  record.writeUInt32BE(place.plainBytes, 12);
  record.writeUInt32BE(place.encoding === "zstd" ? 1 : 0, 16);
  return record;
}

function* chunkFrames(index: ChunkIndex, ranks: Uint32Array): Generator<Buffer> {
  let records = Buffer.alloc(Math.min(frameRecords, index.size) * chunkRecordBytes);
  let used = 0;
  for (const chunk of sortedChunks(index)) {
    const row = index.row(chunk);
    records.set(new Uint8Array(row.buffer, row.byteOffset, idBytes), used);
    records.writeUInt32BE(ranks[row[8] ?? 0] ?? 0, used + 32);
    records.writeUInt32BE(row[9] ?? 0, used + 36);
    records.writeUInt32BE(row[10] ?? 0, used + 40);
    used += chunkRecordBytes;
    if (used === records.length) {
      yield records;
      used = 0;
    }
  }
  records = records.subarray(0, used);
  if (used > 0) yield records;
}

/** Chunk numbers by ID: split by the first byte, so that little more than a 256th is sorted at a time. */
function* sortedChunks(index: ChunkIndex): Generator<number> {
  const idOf = (chunk: number): Buffer => {
    const row = index.row(chunk);
    return Buffer.from(row.buffer, row.byteOffset, idBytes);
  };
  const starts = new Uint32Array(257);
  for (let chunk = 0; chunk < index.size; chunk += 1) {
    const next = (idOf(chunk)[0] ?? 0) + 1;
    starts[next] = (starts[next] ?? 0) + 1;
  }
  for (let byte = 1; byte < starts.length; byte += 1) starts[byte] = (starts[byte] ?? 0) + (starts[byte - 1] ?? 0);
  const fill = starts.slice();
  const buckets = new Uint32Array(index.size);
  for (let chunk = 0; chunk < index.size; chunk += 1) {
    const byte = idOf(chunk)[0] ?? 0;
    const at = fill[byte] ?? 0;
    buckets[at] = chunk;
    fill[byte] = at + 1;
  }
  for (let byte = 0; byte < 256; byte += 1) {
    const bucket = Array.from(buckets.subarray(starts[byte], starts[byte + 1]), (chunk) => ({
      chunk,
      id: idOf(chunk),
    }));
    bucket.sort((a, b) => Buffer.compare(a.id, b.id));
    for (const { chunk } of bucket) yield chunk;
  }
}

export interface IndexSource {
  restorePoint: string;
  file: RangeReader;
  sealer: Sealer;
}

/**
 * Loads the chunks.idx of one restore point into `index`, frame after frame.
 *
 * @throws BackupError CORRUPT, FORMAT_UNKNOWN
 */
export async function loadIndex(index: ChunkIndex, { restorePoint, file, sealer }: IndexSource): Promise<void> {
  const corrupt = (what: string) =>
    new BackupError("CORRUPT", `${indexName} of ${restorePoint} is corrupt: ${what}`, {
      hint: "Take it from a replica, or rebuild it from the packs.",
    });
  const header = await file.read(0, headerBytes);
  if (!header.subarray(0, 8).equals(magic)) throw corrupt("it does not begin as one");
  const version = header.readUInt32BE(8);
  if (version !== formatVersion) {
    throw new BackupError(
      "FORMAT_UNKNOWN",
      `${indexName} of ${restorePoint} has format ${version}, this program knows 1`,
    );
  }
  if (header.readUInt32BE(12) !== 0) throw corrupt("its header has unknown bits");
  let offset = headerBytes;
  let frames = 0;

  async function frame(): Promise<Buffer> {
    const bytes = (await file.read(offset, frameHeadBytes)).readUInt32BE(0);
    if (bytes > maxFrameBytes || offset + frameHeadBytes + bytes > file.size)
      throw corrupt(`frame ${frames} is too long`);
    const sealed = await file.read(offset + frameHeadBytes, bytes);
    const plaintext = sealer.open({ kind: "index", number: frames, offset }, sealed);
    if (plaintext === undefined) throw corrupt(`frame ${frames} at offset ${offset} does not authenticate`);
    offset += frameHeadBytes + bytes;
    frames += 1;
    return plaintext;
  }

  async function table(count: number, recordBytes: number, take: (records: Buffer, at: number) => void): Promise<void> {
    for (let left = count; left > 0;) {
      const records = await frame();
      const here = records.length / recordBytes;
      if (here === 0 || !Number.isInteger(here) || here > left) throw corrupt(`frame ${frames - 1} has a wrong length`);
      for (let at = 0; at < records.length; at += recordBytes) take(records, at);
      left -= here;
    }
  }

  const counts = await frame();
  if (counts.length !== 8) throw corrupt("its counts are missing");
  const owner = index.addRestorePoint(restorePoint);
  const places: { number: number; plainBytes: number }[] = [];
  await table(counts.readUInt32BE(0), segmentRecordBytes, (records, at) => {
    const place = parseSegmentRecord(records, at);
    if (place === undefined) throw corrupt("a segment lies where none can lie");
    places.push({ number: index.addSegment(owner, place), plainBytes: place.plainBytes });
  });
  let previous: Uint8Array = new Uint8Array(0);
  await table(counts.readUInt32BE(4), chunkRecordBytes, (records, at) => {
    const id = records.subarray(at, at + idBytes);
    if (Buffer.compare(previous, id) >= 0) throw corrupt("its IDs are out of order");
    previous = id;
    const segment = places[records.readUInt32BE(at + 32)];
    const chunkOffset = records.readUInt32BE(at + 36);
    const length = records.readUInt32BE(at + 40);
    if (segment === undefined || length === 0 || chunkOffset + length > segment.plainBytes) {
      throw corrupt("a chunk lies outside its segment");
    }
    const idOfChunk = wordsOf(Uint8Array.from(id));
    if (index.find(idOfChunk, 0) === -1)
      index.add(idOfChunk, 0, { segment: segment.number, offset: chunkOffset, length });
  });
  if (offset !== file.size) throw corrupt("something follows its last frame");
}

function parseSegmentRecord(records: Buffer, at: number): SegmentPlace | undefined {
  const encoding = parseEncoding(records.readUInt32BE(at + 16));
  if (encoding === undefined) return undefined;
  const place = {
    pack: records.readUInt32BE(at),
    offset: records.readUInt32BE(at + 4),
    sealedBytes: records.readUInt32BE(at + 8),
    plainBytes: records.readUInt32BE(at + 12),
    encoding,
  };
  const inPack = place.pack > 0 && place.offset >= packHeaderBytes && place.offset + place.sealedBytes <= maxPackBytes;
  return inPack && place.plainBytes <= maxSegmentBytes ? place : undefined;
}
