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

/** Orders names by their bytes, as the entry stream is ordered. */
export function compareByteStrings(a: ByteString, b: ByteString): number {
  return Buffer.compare(bytesOf(a), bytesOf(b));
}
