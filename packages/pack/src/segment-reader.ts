import type { Sealer } from "@erlmcp/crypto";
import { giveBack } from "./give-back.ts";
import { maxSegmentBytes, type SegmentPlace } from "./layout.ts";
import { corruptPack } from "./pack-footer.ts";
import type { RangeReader } from "./range-reader.ts";
import { decodeSegment } from "./segment.ts";

/**
 * The plaintext of a segment. Its place is not trusted: it has to lie within the pack and to be no longer than
 * segments are before anything is read.
 *
 * @throws BackupError CORRUPT
 */
export async function openSegment(
  { restorePoint, file, sealer }: { restorePoint: string; file: RangeReader; sealer: Sealer },
  { pack: number, offset, sealedBytes, plainBytes, encoding }: SegmentPlace,
): Promise<Buffer> {
  const corrupt = (what: string) => corruptPack({ restorePoint, number, offset }, what);
  if (offset + sealedBytes > file.size) throw corrupt("the pack ends before its segment");
  if (plainBytes > maxSegmentBytes || sealedBytes > plainBytes + sealer.overhead)
    throw corrupt("its segment is too long");
  const sealed = await file.read(offset, sealedBytes);
  const encoded = sealer.open({ kind: "segment", number, offset }, sealed);
  if (encoded === undefined) throw corrupt("its segment does not authenticate");
  const plaintext = decodeSegment(encoded, encoding, plainBytes);
  if (plaintext === undefined) throw corrupt("its segment does not decompress to its length");
  if (encoding === "zstd" && encoded.buffer !== sealed.buffer) giveBack(encoded);
  return plaintext;
}
