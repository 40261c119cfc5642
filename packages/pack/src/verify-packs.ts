import { createHash } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import { createChunkIndex, wordsOf, type ChunkIndex } from "./chunk-index.ts";
import { indexName } from "./index-file.ts";
import { examinePack, type PackToExamine } from "./examine-pack.ts";
import { packName, type SegmentPlace } from "./layout.ts";
import { corruptPack, readPackFooter, type FooterChunk } from "./pack-footer.ts";
import type { RangeReader } from "./range-reader.ts";
import { openWith, type RestorePointKey } from "./reader.ts";

export interface PackWalk {
  restorePoint: string;
  /** The numbers of its packs. */
  packs: readonly number[];
  open(restorePoint: string, name: string): Promise<RangeReader>;
  key: RestorePointKey | undefined;
}

/** What a walk over packs found. Each problem is a CORRUPT error that names pack, offset and chunk; the walk goes on after it. */
export interface PackReport {
  packs: number;
  segments: number;
  chunks: number;
  plainBytes: number;
  storedBytes: number;
  problems: BackupError[];
}

/** What a pack is known to be from elsewhere: the manifest and chunks.idx. */
export interface Expected {
  /** SHA-256 of a pack, hex. */
  sha256?(number: number): string | undefined;
  /** The restore point's own index: each chunk of the packs has to be in it, at its place, and nothing else. */
  index?: ChunkIndex;
}

/** Opens every chunk of every pack. Throws only what is not about the packs' contents: a store that fails, say. */
export async function verifyPacks(walk: PackWalk, expected: Expected = {}): Promise<PackReport> {
  const report: PackReport = { packs: 0, segments: 0, chunks: 0, plainBytes: 0, storedBytes: 0, problems: [] };
  const opened = openWith(walk.key);
  for (const number of walk.packs) {
    const file = await walk.open(walk.restorePoint, packName(number));
    try {
      await verifyPack(report, { restorePoint: walk.restorePoint, number, file, opened }, expected);
    } finally {
      await file.close?.();
    }
  }
  if (expected.index !== undefined && report.problems.length === 0 && expected.index.size !== report.chunks) {
    const counts = `${expected.index.size} chunks, the packs hold ${report.chunks}`;
    report.problems.push(new BackupError("CORRUPT", `${indexName} of ${walk.restorePoint} names ${counts}`));
  }
  return report;
}

async function verifyPack(report: PackReport, pack: PackToExamine, expected: Expected): Promise<void> {
  const { restorePoint, number, file } = pack;
  report.packs += 1;
  report.storedBytes += file.size;
  const wanted = expected.sha256?.(number);
  if (wanted !== undefined && (await digestOf(file)) !== wanted) {
    report.problems.push(corruptPack({ restorePoint, number, offset: 0 }, "its SHA-256 is not that of the manifest"));
  }
  const { index } = expected;
  const found = await examinePack(pack, (chunk, place) =>
    index === undefined || isIndexed(index, chunk, place) ? undefined : `it is not where ${indexName} says`,
  );
  report.segments += found.segments;
  report.chunks += found.chunks;
  report.plainBytes += found.plainBytes;
  report.problems.push(...found.problems);
}

function isIndexed(index: ChunkIndex, chunk: FooterChunk, place: SegmentPlace): boolean {
  const number = index.find(wordsOf(Uint8Array.from(chunk.id)), 0);
  if (number === -1) return false;
  const { segment, offset, length } = index.place(number);
  const same = segment.pack === place.pack && segment.offset === place.offset;
  return same && offset === chunk.offset && length === chunk.length;
}

const pieceBytes = 1024 * 1024;

export async function digestOf(file: RangeReader): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < file.size; at += pieceBytes)
    hash.update(await file.read(at, Math.min(pieceBytes, file.size - at)));
  return hash.digest("hex");
}

/**
 * The index of a restore point from nothing but its packs.
 *
 * @throws BackupError CORRUPT when a footer does not open
 */
export async function rebuildIndex(walk: PackWalk): Promise<ChunkIndex> {
  const { restorePoint, packs, key } = walk;
  const index = createChunkIndex();
  const owner = index.addRestorePoint(restorePoint);
  const { sealer } = openWith(key);
  for (const number of packs) {
    const file = await walk.open(restorePoint, packName(number));
    try {
      for (const { place, chunks } of await readPackFooter({ restorePoint, number, file, sealer })) {
        const segment = index.addSegment(owner, place);
        for (const { id, offset, length } of chunks) {
          const words = wordsOf(Uint8Array.from(id));
          if (index.find(words, 0) === -1) index.add(words, 0, { segment, offset, length });
        }
      }
    } finally {
      await file.close?.();
    }
  }
  return index;
}
