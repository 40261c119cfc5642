import { deriveKey, keyBytes, type Random } from "./primitives.ts";

/**
 * The secret of one run, which its slots wrap. `dataKey` is fresh in every run: what seals and authenticates is
 * derived from it. `generationKey` names chunks: a full derives its own, its incrementals carry it on, so that
 * equal chunks have equal IDs within a generation and within no other.
 */
export interface RunSecret {
  dataKey: Buffer;
  generationKey: Buffer;
}

/** @param generationKey that of the base; a full leaves it out */
export function newRunSecret(random: Random, generationKey?: Buffer): RunSecret {
  const dataKey = random(keyBytes);
  return { dataKey, generationKey: generationKey ?? deriveKey(dataKey, "generation") };
}

/** Authenticates the manifest (HMAC-SHA-256). */
export function manifestMacKey(secret: RunSecret): Buffer {
  return deriveKey(secret.dataKey, "manifest mac");
}

/** Names chunks: ID = HMAC-SHA-256(key, plaintext). */
export function chunkIdKey(secret: RunSecret): Buffer {
  return deriveKey(secret.generationKey, "chunk id");
}
