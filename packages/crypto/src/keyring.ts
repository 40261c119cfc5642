import { scrypt } from "node:crypto";
import { promisify } from "node:util";
import { BackupError } from "@erlmcp/errors";
import type { KeySource } from "./key-file.ts";
import { unwrapSecret, wrapSecret, type Kdf, type Kek, type KeySlot } from "./key-slot.ts";
import { deriveKey, keyBytes, type Random } from "./primitives.ts";
import type { RunSecret } from "./run-secret.ts";

/** Wraps and unwraps run secrets under one key source. Stretching a passphrase is done once for each salt. */
export interface Keyring {
  /** The derivation that a new generation begins with; an incremental keeps that of its base's slot. */
  newDerivation(random: Random): Kdf;
  wrap(secret: RunSecret, derivation: Kdf, random: Random): Promise<KeySlot>;
  /** @throws BackupError KEY_WRONG when no slot is for this key; it tells the IDs of both */
  unwrap(slots: readonly KeySlot[], restorePoint: string): Promise<RunSecret>;
}

type Stretch = (secret: Buffer, salt: Buffer, cost: { n: number; r: number; p: number }) => Promise<Buffer>;

const stretch: Stretch = async (secret, salt, { n, r, p }) => {
  const maxmem = 128 * n * r + 1024 * 1024; // what scrypt needs, and a little: Node's own limit is 32 MiB
  const derive = promisify<Buffer, Buffer, number, object, Buffer>(scrypt);
  return derive(secret, salt, keyBytes, { N: n, r, p, maxmem });
};

function kekOf(key: Buffer, derivation: Kdf): Kek {
  return { key, id: deriveKey(key, "key id", 8).toString("hex"), derivation };
}

export function createKeyring(source: KeySource): Keyring {
  const stretched = new Map<string, Promise<Buffer>>();

  async function kek(derivation: Kdf): Promise<Kek | undefined> {
    if (derivation.kdf === "hkdf-sha256") {
      return source.kind === "key" ? kekOf(deriveKey(source.secret, "key encryption"), derivation) : undefined;
    }
    if (source.kind !== "passphrase") return undefined;
    const known = stretched.get(derivation.salt);
    const key = known ?? stretch(source.secret, Buffer.from(derivation.salt, "base64"), derivation);
    stretched.set(derivation.salt, key);
    return kekOf(await key, derivation);
  }

  return {
    newDerivation: (random) =>
      source.kind === "key"
        ? { kdf: "hkdf-sha256" }
        : { kdf: "scrypt", n: 131_072, r: 8, p: 1, salt: random(16).toString("base64") },

    async wrap(secret, derivation, random) {
      const own = await kek(derivation);
      if (own === undefined) throw new BackupError("KEY_WRONG", `the key file is no ${wants(derivation)}`);
      return wrapSecret(secret, own, random);
    },

    async unwrap(slots, restorePoint) {
      const given = new Set<string>();
      for (const slot of slots) {
        const own = await kek(slot.derivation);
        if (own?.id === slot.key_id) return unwrapSecret(slot, own);
        if (own !== undefined) given.add(own.id);
      }
      throw wrongKey(restorePoint, slots, [...given]);
    },
  };

  function wrongKey(restorePoint: string, slots: readonly KeySlot[], ids: string[]): BackupError {
    const wanted = slots.map((slot) => `${wants(slot.derivation)} ${slot.key_id}`).join(" or ");
    const kind = source.kind === "key" ? "32-byte key" : "passphrase";
    const given =
      ids.length === 0 && source.kind === "key"
        ? [kekOf(deriveKey(source.secret, "key encryption"), { kdf: "hkdf-sha256" }).id]
        : ids;
    const named = given.length === 0 ? `a ${kind}` : `${kind} ${given.join(", ")}`;
    return new BackupError("KEY_WRONG", `${restorePoint} is sealed for ${wanted}, the key file holds ${named}`, {
      hint: "Set ENCRYPT_KEY_FILE to the key that was in force when this restore point was made.",
    });
  }
}

function wants(derivation: Kdf): string {
  return derivation.kdf === "scrypt" ? "passphrase" : "32-byte key";
}
