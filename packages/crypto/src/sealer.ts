import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { deriveKey, hmac, sameBytes, type Random } from "./primitives.ts";

export const ciphers = ["aes-256-gcm", "aes-256-cbc"] as const;
export type Cipher = (typeof ciphers)[number];

/** What a sealed thing is. The number is part of what is authenticated: one kind can't be passed off as another. */
const kindNumber = { segment: 1, footer: 2, index: 3, manifest: 4, spill: 5 } as const;
export type SealKind = keyof typeof kindNumber;

/** Where a sealed thing stands: `number` is that of its pack or 0, `offset` is in bytes. Both are authenticated. */
export interface Position {
  kind: SealKind;
  number: number; // 0 … 2^32-1
  offset: number; // 0 … 2^53-1
}

/** Seals and opens; `seal` gives the parts in the order in which they are written. */
export interface Sealer {
  seal(at: Position, plaintext: Uint8Array): Uint8Array[];
  /** The plaintext, or undefined when what is sealed was damaged, forged, moved, or is for another key. */
  open(at: Position, sealed: Uint8Array): Buffer | undefined;
  /** The most bytes that sealing adds. */
  overhead: number;
}

/** The 24 bytes that every sealed thing is bound to: "erlmcpbk", version 1, kind, number, offset; big-endian. */
export function sealHeader(at: Position): Buffer {
  const header = Buffer.alloc(24);
  header.write("erlmcpbk", 0, "latin1");
  header.writeUInt16BE(1, 8);
  header.writeUInt16BE(kindNumber[at.kind], 10);
  header.writeUInt32BE(at.number, 12);
  header.writeBigUInt64BE(BigInt(at.offset), 16);
  return header;
}

const tagBytes = 16;
const nonceBytes = 12;
const ivBytes = 16;
const macBytes = 32;

/** No key: a digest in place of a tag, so that a flipped bit is found though nobody is kept from forging. */
export const plainSealer: Sealer = {
  overhead: tagBytes,
  seal: (at, plaintext) => [plaintext, digest(at, plaintext)],
  open(at, sealed) {
    const end = sealed.byteLength - tagBytes;
    if (end < 0) return undefined;
    const plaintext = sealed.subarray(0, end);
    if (!sameBytes(digest(at, plaintext), sealed.subarray(end))) return undefined;
    return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
  },
};

function digest(at: Position, plaintext: Uint8Array): Buffer {
  return createHash("sha256").update(sealHeader(at)).update(plaintext).digest().subarray(0, tagBytes);
}

/** Which keys a sealer uses: packs have theirs, whose nonces are positions; documents theirs, whose nonces are random. */
export interface SealerOptions {
  dataKey: Uint8Array;
  cipher: Cipher;
  random: Random;
}

/**
 * For segments and footers. With AES-256-GCM the nonce is the pack number and the offset, and so is not stored:
 * it is unique because a data key serves one run and a run never writes twice at one place.
 */
export function createPackSealer({ dataKey, cipher, random }: SealerOptions): Sealer {
  const key = deriveKey(dataKey, "pack seal");
  if (cipher === "aes-256-cbc") return cbcSealer({ key, macKey: deriveKey(dataKey, "pack seal mac"), random });
  return {
    overhead: tagBytes,
    seal: (at, plaintext) => gcmSeal({ key, nonce: nonceOf(at), at }, plaintext),
    open: (at, sealed) => gcmOpen({ key, nonce: nonceOf(at), at }, sealed),
  };
}

/** For the index, the sealed part of the manifest, spill files: what may be written again at the same place. */
export function createDocumentSealer({ dataKey, cipher, random }: SealerOptions): Sealer {
  const key = deriveKey(dataKey, "document seal");
  if (cipher === "aes-256-cbc") return cbcSealer({ key, macKey: deriveKey(dataKey, "document seal mac"), random });
  return {
    overhead: nonceBytes + tagBytes,
    seal(at, plaintext) {
      const nonce = random(nonceBytes);
      return [nonce, ...gcmSeal({ key, nonce, at }, plaintext)];
    },
    open(at, sealed) {
      if (sealed.byteLength < nonceBytes) return undefined;
      return gcmOpen({ key, nonce: sealed.subarray(0, nonceBytes), at }, sealed.subarray(nonceBytes));
    },
  };
}

interface GcmBox {
  key: Uint8Array;
  nonce: Uint8Array;
  at: Position;
}

function nonceOf(at: Position): Buffer {
  return sealHeader(at).subarray(12);
}

function gcmSeal({ key, nonce, at }: GcmBox, plaintext: Uint8Array): Uint8Array[] {
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(sealHeader(at));
  const sealed = cipher.update(plaintext);
  cipher.final(); // counter mode: nothing is left over
  return [sealed, cipher.getAuthTag()];
}

function gcmOpen({ key, nonce, at }: GcmBox, sealed: Uint8Array): Buffer | undefined {
  const end = sealed.byteLength - tagBytes;
  if (end < 0) return undefined;
  const cipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(sealHeader(at)).setAuthTag(sealed.subarray(end));
  const plaintext = cipher.update(sealed.subarray(0, end));
  try {
    cipher.final();
  } catch {
    return undefined; // final throws for one reason: the tag does not fit
  }
  return plaintext;
}

/** AES-256-CBC under a random IV, then HMAC-SHA-256 over header, IV and ciphertext, which is checked before anything is decrypted. */
function cbcSealer({ key, macKey, random }: { key: Buffer; macKey: Buffer; random: Random }): Sealer {
  return {
    overhead: ivBytes + 16 + macBytes,
    seal(at, plaintext) {
      const iv = random(ivBytes);
      const cipher = createCipheriv("aes-256-cbc", key, iv);
      const parts = [iv, cipher.update(plaintext), cipher.final()];
      return [...parts, hmac(macKey, sealHeader(at), ...parts)];
    },
    open(at, sealed) {
      const end = sealed.byteLength - macBytes;
      if (end < ivBytes + 16) return undefined;
      const authenticated = sealed.subarray(0, end);
      if (!sameBytes(hmac(macKey, sealHeader(at), authenticated), sealed.subarray(end))) return undefined;
      const cipher = createDecipheriv("aes-256-cbc", key, authenticated.subarray(0, ivBytes));
      return Buffer.concat([cipher.update(authenticated.subarray(ivBytes)), cipher.final()]);
    },
  };
}
