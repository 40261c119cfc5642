import { Buffer, isUtf8 } from "node:buffer";
import { z } from "zod";

/**
 * A name as the file system has it: bytes, not text. UTF-8 stands as it is; anything else as base64,
 * so that a name never loses a byte on its way through JSON.
 */
export const ByteString = z.union([z.string(), z.strictObject({ b64: z.base64() })]);
export type ByteString = z.infer<typeof ByteString>;

export function nameOf(bytes: Uint8Array): ByteString {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer.toString("utf8") : { b64: buffer.toString("base64") };
}

export function bytesOf(name: ByteString): Buffer {
  return typeof name === "string" ? Buffer.from(name, "utf8") : Buffer.from(name.b64, "base64");
}

const slash = 0x2f;

/**
 * The order of the entry stream: by name after name, each by its bytes, so that a folder comes just before all that is in
 * it. That is the byte order of whole paths with '/' below every other byte: "a", "a/b", "a-b" (by plain bytes, "a-b" would
 * come between). A walk can keep it folder by folder with no more than one folder's names in memory, and a reader knows that
 * a folder is complete when the first path outside it comes.
 */
export function comparePaths(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let at = 0; at < common; at++) {
    const left = a[at];
    const right = b[at];
    if (left === right || left === undefined || right === undefined) continue;
    return (left === slash ? 0 : left) - (right === slash ? 0 : right);
  }
  return a.length - b.length;
}

/** `comparePaths` for paths as entries hold them. */
export function compareByteStrings(a: ByteString, b: ByteString): number {
  return comparePaths(bytesOf(a), bytesOf(b));
}
