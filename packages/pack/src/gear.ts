import { deriveKey } from "@erlmcp/crypto";

/**
 * The 256 words of the rolling hash. With a key they are derived from it, so that the sizes of chunks, which
 * anyone can see, say nothing about known files.
 *
 * @param generationKey undefined when nothing is encrypted
 */
export function gearTable(generationKey: Uint8Array | undefined): Int32Array {
  const bytes = deriveKey(generationKey ?? new Uint8Array(32), "gear", 1024);
  return Int32Array.from({ length: 256 }, (_, index) => bytes.readInt32BE(4 * index));
}
