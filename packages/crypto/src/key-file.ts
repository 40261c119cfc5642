import { BackupError } from "@erlmcp/errors";
import { keyBytes } from "./primitives.ts";

/** What a key file holds: a key of full strength, or a passphrase that has to be stretched first. */
export type KeySource = { kind: "key"; secret: Buffer } | { kind: "passphrase"; secret: Buffer };

const hex = /^[0-9a-fA-F]{64}$/;
const base64 = /^[A-Za-z0-9+/]{43}=?$|^[A-Za-z0-9_-]{43}=?$/;
const printable = /^[\x20-\x7e]*$/;

const isRaw = (key: Buffer) => key.length === keyBytes && !printable.test(key.toString("latin1"));

/**
 * Reads a key file: 32 raw bytes, 64 hex digits, 43 or 44 base64 characters; anything else is a passphrase.
 * One newline at the end belongs to the editor, not to the key. Of 32 bytes that are all printable ASCII we
 * assume that somebody typed them: random bytes look so once in 10^13 times, and a passphrase needs stretching.
 *
 * @param name how the operator knows the file, for the message
 * @throws BackupError KEY_MISSING when nothing is in it
 */
export function parseKeyFile(contents: Uint8Array, name: string): KeySource {
  const bytes = Buffer.from(contents);
  if (isRaw(bytes)) return { kind: "key", secret: bytes };
  const secret = withoutNewline(bytes);
  if (secret.length === 0) {
    throw new BackupError("KEY_MISSING", `key file ${name} is empty`, {
      hint: "Write 32 random bytes (raw, hex or base64) or a passphrase into it.",
    });
  }
  if (isRaw(secret)) return { kind: "key", secret };
  const text = secret.toString("latin1");
  if (hex.test(text)) return { kind: "key", secret: Buffer.from(text, "hex") };
  if (base64.test(text)) {
    const key = Buffer.from(text, "base64");
    if (key.length === keyBytes) return { kind: "key", secret: key };
  }
  return { kind: "passphrase", secret };
}

function withoutNewline(bytes: Buffer): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= 1;
  if (end < bytes.length && bytes[end - 1] === 0x0d) end -= 1;
  return bytes.subarray(0, end);
}
