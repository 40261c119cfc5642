import type { ChunkSizes } from "./chunking.ts";

/**
 * Finds the end of the chunk that begins at `start`.
 *
 * @param end where the bytes at hand end
 * @returns the offset after the chunk; -1 when the bytes at hand don't reach that far
 */
export type Cut = (data: Uint8Array, start: number, end: number) => number;

/** How many bits harder a boundary is before the average, and easier after it, so that sizes gather around it. */
const normalisation = 2;

/**
 * Content-defined boundaries by a gear hash: h = 2h + gear[byte], modulo 2^32, starting from zero `min` bytes
 * into the chunk; the chunk ends after the byte that makes the top bits of h zero.
 */
export function createCut(gear: Int32Array, sizes: ChunkSizes): Cut {
  const { min, average, max } = sizes;
  const bits = Math.log2(average);
  const hard = -1 << (32 - bits - normalisation);
  const easy = -1 << (32 - bits + normalisation);

  return (data, start, end) => {
    const limit = Math.min(end, start + max);
    const middle = Math.min(limit, start + average);
    let hash = 0;
    let at = start + min;
    for (; at < middle; at += 1) {
      hash = ((hash << 1) + (gear[data[at] ?? 0] ?? 0)) | 0;
      if ((hash & hard) === 0) return at + 1;
    }
    for (; at < limit; at += 1) {
      hash = ((hash << 1) + (gear[data[at] ?? 0] ?? 0)) | 0;
      if ((hash & easy) === 0) return at + 1;
    }
    return limit === start + max ? limit : -1;
  };
}
