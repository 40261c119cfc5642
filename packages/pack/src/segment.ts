import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Encoding } from "./layout.ts";

/** Compressed only when it saves at least 3 %: else reading would pay for nothing. */
const worthwhile = 0.97;
/** Of a segment larger than this a sample is compressed first. */
const sampledBytes = 256 * 1024;
const sampleBytes = 16 * 1024;

/** @param level zstd's; 0 stores */
export function encodeSegment(plaintext: Uint8Array, level: number): { encoding: Encoding; encoded: Uint8Array } {
  if (level === 0 || looksIncompressible(plaintext, level)) return { encoding: "raw", encoded: plaintext };
  const compressed = compress(plaintext, level);
  return compressed.byteLength <= plaintext.byteLength * worthwhile
    ? { encoding: "zstd", encoded: compressed }
    : { encoding: "raw", encoded: plaintext };
}

/** Four samples, evenly spread: of media, archives and ciphertext none of them shrinks. */
function looksIncompressible(plaintext: Uint8Array, level: number): boolean {
  if (plaintext.byteLength < sampledBytes) return false;
  const step = Math.floor((plaintext.byteLength - sampleBytes) / 3);
  const samples = Buffer.alloc(4 * sampleBytes);
  for (let index = 0; index < 4; index += 1) {
    samples.set(plaintext.subarray(index * step, index * step + sampleBytes), index * sampleBytes);
  }
  return compress(samples, level).byteLength > samples.byteLength * worthwhile;
}

function compress(plaintext: Uint8Array, level: number): Buffer {
  // Room for all of the output at once: in Node's small steps it takes a third longer.
  const chunkSize = Math.max(1024, plaintext.byteLength + (plaintext.byteLength >>> 7));
  return zstdCompressSync(plaintext, { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: level } });
}

/** @returns undefined when it is no zstd frame of exactly `plainBytes` bytes */
export function decodeSegment(encoded: Buffer, encoding: Encoding, plainBytes: number): Buffer | undefined {
  if (encoding === "raw") return encoded.byteLength === plainBytes ? encoded : undefined;
  try {
    const plaintext = zstdDecompressSync(encoded, {
      chunkSize: Math.max(1024, plainBytes + 1), // room for one more, or Node makes a second buffer to find that nothing follows
      maxOutputLength: plainBytes,
    });
    return plaintext.byteLength === plainBytes ? plaintext : undefined;
  } catch {
    return undefined; // too long or no zstd frame: the caller names where it stood
  }
}
