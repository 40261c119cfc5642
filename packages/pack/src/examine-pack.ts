import { sameBytes } from "@erlmcp/crypto";
import { BackupError } from "@erlmcp/errors";
import type { SegmentPlace } from "./layout.ts";
import { corruptPack, PackError, readPackFooter, type FooterChunk, type PackSegment } from "./pack-footer.ts";
import type { RangeReader } from "./range-reader.ts";
import type { OpenedKey } from "./reader.ts";
import { openSegment } from "./segment-reader.ts";

export interface PackToExamine {
  readonly restorePoint: string;
  readonly number: number;
  readonly file: RangeReader;
  readonly opened: OpenedKey;
}

/** What a pack holds. */
export interface PackCounts {
  segments: number;
  chunks: number;
  plainBytes: number;
}

/** Told of each chunk that was opened and has its ID; gives what is wrong with it all the same, or undefined. */
export type OnChunk = (chunk: FooterChunk, place: SegmentPlace) => string | undefined;

/**
 * Opens every segment that the footer of a pack names and recomputes the ID of every chunk in it. Goes on after each
 * problem; throws only what is not about the contents of the pack.
 */
export async function examinePack(
  pack: PackToExamine,
  onChunk: OnChunk = () => undefined,
): Promise<PackCounts & { problems: PackError[] }> {
  const found = { segments: 0, chunks: 0, plainBytes: 0, problems: new Array<PackError>() };
  await collect(found.problems, pack, async () => {
    const { restorePoint, number, file, opened } = pack;
    for (const segment of await readPackFooter({ restorePoint, number, file, sealer: opened.sealer })) {
      found.segments += 1;
      await collect(found.problems, pack, async () => examineSegment(pack, segment, { found, onChunk }));
    }
  });
  return found;
}

async function examineSegment(
  { restorePoint, number, file, opened }: PackToExamine,
  { place, chunks }: PackSegment,
  { found, onChunk }: { found: PackCounts & { problems: PackError[] }; onChunk: OnChunk },
): Promise<void> {
  const plaintext = await openSegment({ restorePoint, file, sealer: opened.sealer }, place);
  for (const chunk of chunks) {
    const { id, offset, length } = chunk;
    found.chunks += 1;
    found.plainBytes += length;
    const isIt = sameBytes(opened.idOf(plaintext.subarray(offset, offset + length)), id);
    const what = isIt ? onChunk(chunk, place) : "it has other contents";
    if (what === undefined) continue;
    const name = id.toString("hex");
    found.problems.push(
      corruptPack({ restorePoint, number, offset: place.offset, chunk: name }, `chunk ${name}: ${what}`),
    );
  }
}

/** Adds a CORRUPT error to the problems; anything else goes on its way. */
async function collect(problems: PackError[], pack: PackToExamine, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "CORRUPT") throw error;
    const { restorePoint, number } = pack;
    problems.push(error instanceof PackError ? error : corruptPack({ restorePoint, number, offset: 0 }, error.message));
  }
}
