import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** Where random bytes come from: `randomBytes` of node:crypto, or a frozen source in a test of the format. */
export type Random = (bytes: number) => Buffer;

export const keyBytes = 32;

const nothing = new Uint8Array(0);

/**
 * HKDF-SHA-256 (RFC 5869) without salt. Every key of the format is derived with a label of its own, so that
 * no two uses ever share a key.
 *
 * @param label what the key is for; the info is "erlmcp-backup/1 " and the label
 * @param bytes length of the result, 8160 at most
 */
export function deriveKey(secret: Uint8Array, label: string, bytes = keyBytes): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, nothing, `erlmcp-backup/1 ${label}`, bytes));
}

/** HMAC-SHA-256 over the parts, one after the other. */
export function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** Compares in constant time; false when the lengths differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
