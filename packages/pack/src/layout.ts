/** The bytes of a pack outside its seals, and the tables inside its footer. FORMAT.md describes the same for readers. */

export const formatVersion = 1;
export const packHeaderBytes = 16;
export const packTrailerBytes = 16;
export const idBytes = 32;
/** A chunk in a content tree and in a footer: ID, then length as 32 bits big-endian. */
export const chunkRecordBytes = idBytes + 4;
const segmentRecordBytes = 16;
const footerHeadBytes = 8;

/** No segment holds more plaintext: the largest chunk there can be, which then is alone in it. */
export const maxSegmentBytes = 4 * 1024 * 1024;
/** What a segment gathers, unless one chunk is larger. */
export const segmentTargetBytes = 1024 * 1024;
/** A pack is closed when it has reached this. */
export const packTargetBytes = 32 * 1024 * 1024;
/** No pack is larger: its offsets have 32 bits, and a reader need not look at more. */
export const maxPackBytes = 1024 * 1024 * 1024;

const headMagic = Buffer.from("erlmcpPK", "latin1");
const tailMagic = Buffer.from("erlmcpPE", "latin1");

export type Encoding = "raw" | "zstd";

/** A sealed segment in its pack; bytes. */
export interface SegmentPlace {
  pack: number;
  offset: number;
  sealedBytes: number;
  plainBytes: number;
  encoding: Encoding;
}

export interface FooterSegment {
  sealedBytes: number;
  plainBytes: number;
  encoding: Encoding;
  chunks: number;
}

/** Segments in the order of the pack; `records` holds the chunk records of all of them, back to back. */
export interface Footer {
  segments: FooterSegment[];
  records: Buffer;
}

/** "packs/000001.pack" for 1. */
export function packName(number: number): string {
  return `packs/${String(number).padStart(6, "0")}.pack`;
}

export function packHeader(number: number): Buffer {
  return words(headMagic, formatVersion, number);
}

export function packTrailer(footerBytes: number): Buffer {
  const trailer = Buffer.alloc(packTrailerBytes);
  trailer.writeUInt32BE(footerBytes, 0);
  trailer.writeUInt32BE(formatVersion, 4);
  tailMagic.copy(trailer, 8);
  return trailer;
}

/** A magic of 8 bytes and two words. */
export function words(magic: Buffer, first: number, second: number): Buffer {
  const bytes = Buffer.alloc(16);
  magic.copy(bytes);
  bytes.writeUInt32BE(first, 8);
  bytes.writeUInt32BE(second, 12);
  return bytes;
}

/** The length of the sealed footer, or undefined when these are not the last 16 bytes of a pack. */
export function parsePackTrailer(trailer: Buffer): number | undefined {
  const fits = trailer.length === packTrailerBytes && trailer.subarray(8).equals(tailMagic);
  return fits && trailer.readUInt32BE(4) === formatVersion ? trailer.readUInt32BE(0) : undefined;
}

export function encodeFooter({ segments, records }: Footer): Buffer {
  const head = Buffer.alloc(footerHeadBytes + segments.length * segmentRecordBytes);
  head.writeUInt32BE(segments.length, 0);
  head.writeUInt32BE(records.length / chunkRecordBytes, 4);
  segments.forEach((segment, index) => {
    const at = footerHeadBytes + index * segmentRecordBytes;
    head.writeUInt32BE(segment.sealedBytes, at);
    head.writeUInt32BE(segment.plainBytes, at + 4);
    head.writeUInt32BE(segment.chunks, at + 8);
    head.writeUInt32BE(segment.encoding === "zstd" ? 1 : 0, at + 12);
  });
  return Buffer.concat([head, records]);
}

/** @returns undefined when the counts don't add up: then it is none of ours */
export function parseFooter(bytes: Buffer): Footer | undefined {
  if (bytes.length < footerHeadBytes) return undefined;
  const segmentCount = bytes.readUInt32BE(0);
  const chunkCount = bytes.readUInt32BE(4);
  const recordsAt = footerHeadBytes + segmentCount * segmentRecordBytes;
  if (bytes.length !== recordsAt + chunkCount * chunkRecordBytes) return undefined;
  const segments: FooterSegment[] = [];
  for (let at = footerHeadBytes; at < recordsAt; at += segmentRecordBytes) {
    const encoding = parseEncoding(bytes.readUInt32BE(at + 12));
    if (encoding === undefined) return undefined;
    segments.push({
      sealedBytes: bytes.readUInt32BE(at),
      plainBytes: bytes.readUInt32BE(at + 4),
      chunks: bytes.readUInt32BE(at + 8),
      encoding,
    });
  }
  const records = bytes.subarray(recordsAt);
  return footerAddsUp(segments, records) ? { segments, records } : undefined;
}

export function parseEncoding(number: number): Encoding | undefined {
  return number === 0 ? "raw" : number === 1 ? "zstd" : undefined;
}

/** Every segment holds at least one chunk, its chunks fill it, and the last segment ends with the last record. */
function footerAddsUp(segments: FooterSegment[], records: Buffer): boolean {
  let at = 0;
  for (const { chunks, plainBytes } of segments) {
    const end = at + chunks * chunkRecordBytes;
    if (chunks === 0 || end > records.length || plainBytes > maxSegmentBytes) return false;
    let sum = 0;
    for (; at < end; at += chunkRecordBytes) sum += records.readUInt32BE(at + idBytes);
    if (sum !== plainBytes) return false;
  }
  return at === records.length;
}
