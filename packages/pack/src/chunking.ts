import type { ContentKind } from "@erlmcp/entry";
import { z } from "zod";

const size = z
  .int()
  .min(64)
  .max(4 * 1024 * 1024);

/** Sizes of content-defined chunks in bytes. `average` is a power of two: it says how many bits of the hash have to be zero. */
export const ChunkSizes = z
  .strictObject({ min: size, average: size, max: size })
  .refine(({ min, average, max }) => min < average && average < max, "min < average < max")
  .refine(({ average }) => Number.isInteger(Math.log2(average)), "average must be a power of two");
export type ChunkSizes = z.infer<typeof ChunkSizes>;

/** The parameters of a generation: its full writes them into the manifest, its incrementals keep them. */
export const Chunking = z.strictObject({ file: ChunkSizes, table: ChunkSizes });
export type Chunking = z.infer<typeof Chunking>;

const KiB = 1024;

/** FORMAT.md has the measurements behind these. */
export const defaultChunking: Chunking = {
  file: { min: 256 * KiB, average: 1024 * KiB, max: 4096 * KiB },
  table: { min: 1 * KiB, average: 4 * KiB, max: 32 * KiB },
};

export function sizesFor(chunking: Chunking, kind: ContentKind): ChunkSizes {
  return chunking[kind];
}
