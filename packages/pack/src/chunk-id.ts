import { createHmac, hash } from "node:crypto";

/** Writes the 32-byte ID of `chunk` to `target` at `offset`. */
export type NameChunk = (chunk: Uint8Array, target: Uint8Array, offset: number) => void;

const blockBytes = 64;
/** Up to here a copy beside the key's block is cheaper than a keyed hash object of its own. */
const copyBytes = 64 * 1024;

/** ID = SHA-256 of the plaintext; with a key HMAC-SHA-256, so that an ID says nothing about known contents. */
export function createNameChunk(key: Uint8Array | undefined): NameChunk {
  if (key === undefined) {
    return (chunk, target, offset) => target.set(hash("sha256", chunk, "buffer"), offset);
  }
  // RFC 2104 with two one-shot hashes: H(key ^ opad, H(key ^ ipad, chunk)).
  const inner = Buffer.alloc(blockBytes + copyBytes, 0x36);
  const outer = Buffer.alloc(blockBytes + 32, 0x5c);
  key.forEach((byte, index) => {
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  });
  return (chunk, target, offset) => {
    if (chunk.byteLength > copyBytes) {
      target.set(createHmac("sha256", key).update(chunk).digest(), offset);
      return;
    }
    inner.set(chunk, blockBytes);
    outer.set(hash("sha256", inner.subarray(0, blockBytes + chunk.byteLength), "buffer"), blockBytes);
    target.set(hash("sha256", outer, "buffer"), offset);
  };
}
