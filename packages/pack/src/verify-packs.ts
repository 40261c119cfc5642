import { createHash } from "node:crypto";
import { sameBytes } from "@erlmcp/crypto";
import { BackupError } from "@erlmcp/errors";
import { createChunkIndex, wordsOf, type ChunkIndex } from "./chunk-index.ts";
import { indexName } from "./index-file.ts";
import { packName } from "./layout.ts";
import { corruptPack, readPackFooter, type PackSegment } from "./pack-footer.ts";
import type { RangeReader } from "./range-reader.ts";
import { openWith, type OpenedKey, type RestorePointKey } from "./reader.ts";
import { openSegment } from "./segment-reader.ts";

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
      await collect(report, async () => verifyPack(report, { walk, opened, expected, number, file }));
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

interface PackCheck {
  walk: PackWalk;
  opened: OpenedKey;
  expected: Expected;
  number: number;
  file: RangeReader;
}

async function verifyPack(report: PackReport, check: PackCheck): Promise<void> {
  const { walk, opened, expected, number, file } = check;
  const { restorePoint } = walk;
  report.packs += 1;
  report.storedBytes += file.size;
  const wanted = expected.sha256?.(number);
  if (wanted !== undefined && (await digestOf(file)) !== wanted) {
    report.problems.push(corruptPack({ restorePoint, number, offset: 0 }, "its SHA-256 is not that of the manifest"));
  }
  const segments = await readPackFooter({ restorePoint, number, file, sealer: opened.sealer });
  for (const segment of segments) {
    report.segments += 1;
    await collect(report, async () => verifySegment(report, check, segment));
  }
}

async function verifySegment(report: PackReport, check: PackCheck, { place, chunks }: PackSegment): Promise<void> {
  const { walk, opened, expected, file } = check;
  const at = { restorePoint: walk.restorePoint, number: place.pack, offset: place.offset };
  const plaintext = await openSegment({ restorePoint: walk.restorePoint, file, sealer: opened.sealer }, place);
  for (const { id, offset, length } of chunks) {
    report.chunks += 1;
    report.plainBytes += length;
    const name = id.toString("hex");
    if (!sameBytes(opened.idOf(plaintext.subarray(offset, offset + length)), id)) {
      report.problems.push(corruptPack(at, `chunk ${name} has other contents`));
    }
    const { index } = expected;
    if (index !== undefined && !isIndexed(index, { id, offset, length }, place)) {
      report.problems.push(corruptPack(at, `chunk ${name} is not where ${indexName} says`));
    }
  }
}

function isIndexed(index: ChunkIndex, chunk: PackSegment["chunks"][number], place: PackSegment["place"]): boolean {
  const number = index.find(wordsOf(Uint8Array.from(chunk.id)), 0);
  if (number === -1) return false;
  const { segment, offset, length } = index.place(number);
  const same = segment.pack === place.pack && segment.offset === place.offset;
  return same && offset === chunk.offset && length === chunk.length;
}

/** Adds a CORRUPT error to the problems; anything else goes on its way. */
async function collect(report: PackReport, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "CORRUPT") throw error;
    report.problems.push(error);
  }
}

const pieceBytes = 1024 * 1024;

async function digestOf(file: RangeReader): Promise<string> {
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
