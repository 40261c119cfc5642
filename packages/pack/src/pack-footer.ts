import type { Sealer } from "@erlmcp/crypto";
import { BackupError } from "@erlmcp/errors";
import {
  chunkRecordBytes,
  idBytes,
  maxPackBytes,
  packHeader,
  packHeaderBytes,
  packName,
  packTrailerBytes,
  parseFooter,
  parsePackTrailer,
  type SegmentPlace,
} from "./layout.ts";
import type { RangeReader } from "./range-reader.ts";

/** A chunk as its pack's footer tells it. */
export interface FooterChunk {
  id: Buffer;
  offset: number; // in its segment
  length: number;
}

export interface PackSegment {
  place: SegmentPlace;
  chunks: FooterChunk[];
}

export interface PackSource {
  restorePoint: string;
  number: number;
  file: RangeReader;
  sealer: Sealer;
}

/** Where in a pack something is wrong: `offset` is that of the segment or the footer, `chunk` the ID of one in it. */
export interface PackPlace {
  readonly restorePoint: string;
  readonly number: number;
  readonly offset: number;
  readonly chunk?: string | undefined;
}

/** A CORRUPT error that tells its place also as data. */
export class PackError extends BackupError {
  readonly place: PackPlace;
  readonly what: string;

  constructor(place: PackPlace, what: string) {
    const where = `${packName(place.number)} of ${place.restorePoint} at offset ${place.offset}`;
    super("CORRUPT", `${where} is corrupt: ${what}`, {
      hint: "Take the pack from a replica; verify tells what else is damaged.",
    });
    this.place = place;
    this.what = what;
  }
}

/** An error that names a place in a pack. */
export function corruptPack(place: PackPlace, what: string): PackError {
  return new PackError(place, what);
}

/**
 * The segments of a pack, in its order, as its own footer tells them.
 *
 * @throws BackupError CORRUPT
 */
export async function readPackFooter({ restorePoint, number, file, sealer }: PackSource): Promise<PackSegment[]> {
  const corrupt = (offset: number, what: string) => corruptPack({ restorePoint, number, offset }, what);
  const least = packHeaderBytes + packTrailerBytes;
  if (file.size < least || file.size > maxPackBytes) throw corrupt(0, `no pack has ${file.size} bytes`);
  if (!(await file.read(0, packHeaderBytes)).equals(packHeader(number)))
    throw corrupt(0, "it does not begin as it should");
  const end = file.size - packTrailerBytes;
  const footerBytes = parsePackTrailer(await file.read(end, packTrailerBytes));
  if (footerBytes === undefined || footerBytes > file.size - least) throw corrupt(end, "it does not end as it should");
  const offset = end - footerBytes;
  const plaintext = sealer.open({ kind: "footer", number, offset }, await file.read(offset, footerBytes));
  if (plaintext === undefined) throw corrupt(offset, "its footer does not authenticate");
  const footer = parseFooter(plaintext);
  if (footer === undefined) throw corrupt(offset, "its footer does not add up");

  let at = packHeaderBytes;
  let record = 0;
  const segments = footer.segments.map(({ sealedBytes, plainBytes, encoding, chunks: count }): PackSegment => {
    const place = { pack: number, offset: at, sealedBytes, plainBytes, encoding };
    const chunks = chunksOf(footer.records.subarray(record, record + count * chunkRecordBytes));
    at += sealedBytes;
    record += count * chunkRecordBytes;
    return { place, chunks };
  });
  if (at !== offset) throw corrupt(offset, "its segments don't fill it");
  return segments;
}

function chunksOf(records: Buffer): FooterChunk[] {
  const chunks: FooterChunk[] = [];
  let offset = 0;
  for (let at = 0; at < records.length; at += chunkRecordBytes) {
    const length = records.readUInt32BE(at + idBytes);
    chunks.push({ id: records.subarray(at, at + idBytes), offset, length });
    offset += length;
  }
  return chunks;
}
