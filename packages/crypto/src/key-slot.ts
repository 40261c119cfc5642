import { createCipheriv, createDecipheriv } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { keyBytes, type Random } from "./primitives.ts";
import type { RunSecret } from "./run-secret.ts";

const nonceBytes = 12;
const tagBytes = 16;
const wrappedBytes = nonceBytes + 2 * keyBytes + tagBytes;
const base64Of = (bytes: number) =>
  z.base64().refine((text) => Buffer.from(text, "base64").length === bytes, `must be ${bytes} bytes`);

/** How the key-encryption key comes from the key source. Format 1 knows just these; the salt is kept through a generation. */
export const Kdf = z.discriminatedUnion("kdf", [
  z.strictObject({ kdf: z.literal("hkdf-sha256") }),
  z.strictObject({
    kdf: z.literal("scrypt"),
    n: z.literal(131_072),
    r: z.literal(8),
    p: z.literal(1),
    salt: base64Of(16),
  }),
]);
export type Kdf = z.infer<typeof Kdf>;

/** A key-encryption key, how it was derived, and its name: 16 hex digits that tell nothing about it. */
export interface Kek {
  key: Buffer;
  id: string;
  derivation: Kdf;
}

/** The run secret, wrapped under one key-encryption key. `key_id` tells which, and tells nothing about it. */
export const KeySlot = z.strictObject({
  derivation: Kdf,
  key_id: z.string().regex(/^[0-9a-f]{16}$/),
  wrapped: base64Of(wrappedBytes), // 12 nonce, 64 ciphertext (data key, generation key), 16 tag
});
export type KeySlot = z.infer<typeof KeySlot>;

const associated = (kek: Kek) => Buffer.from(`erlmcp-backup/1 slot ${kek.id}`, "latin1");

/** Wraps with AES-256-GCM under a random nonce. */
export function wrapSecret(secret: RunSecret, kek: Kek, random: Random): KeySlot {
  const nonce = random(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", kek.key, nonce).setAAD(associated(kek));
  const wrapped = [nonce, cipher.update(secret.dataKey), cipher.update(secret.generationKey), cipher.final()];
  return {
    derivation: kek.derivation,
    key_id: kek.id,
    wrapped: Buffer.concat([...wrapped, cipher.getAuthTag()]).toString("base64"),
  };
}

/** @throws BackupError CORRUPT when the slot was damaged: its key ID fits and its contents don't open */
export function unwrapSecret(slot: KeySlot, kek: Kek): RunSecret {
  const wrapped = Buffer.from(slot.wrapped, "base64");
  const end = wrappedBytes - tagBytes;
  const cipher = createDecipheriv("aes-256-gcm", kek.key, wrapped.subarray(0, nonceBytes), { authTagLength: tagBytes });
  cipher.setAAD(associated(kek)).setAuthTag(wrapped.subarray(end, wrappedBytes));
  try {
    const plain = Buffer.concat([cipher.update(wrapped.subarray(nonceBytes, end)), cipher.final()]);
    return { dataKey: plain.subarray(0, keyBytes), generationKey: plain.subarray(keyBytes) };
  } catch (cause) {
    throw new BackupError("CORRUPT", `key slot ${slot.key_id} is damaged: it does not open with its own key`, {
      hint: "Take the manifest from a replica.",
      cause,
    });
  }
}
