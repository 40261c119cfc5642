import { randomBytes } from "node:crypto";
import {
  createDocumentSealer,
  hmac,
  manifestMacKey,
  plainSealer,
  type Cipher,
  type Keyring,
  type Sealer,
} from "@erlmcp/crypto";
import { BackupError } from "@erlmcp/errors";
import type { ManifestHead, ManifestKeys } from "@erlmcp/manifest";
import type { RestorePointKey } from "@erlmcp/pack";

/** What seals new restore points and opens old ones. */
export interface Encryption {
  readonly keyring: Keyring;
  readonly cipher: Cipher;
}

/**
 * The key of a restore point; undefined when it is not encrypted.
 *
 * @throws BackupError KEY_MISSING when it is encrypted and there is no key, KEY_WRONG when this key is not its own
 */
export async function unlock(head: ManifestHead, keyring: Keyring | undefined): Promise<RestorePointKey | undefined> {
  if (head.cipher === "none") return undefined;
  if (keyring === undefined) {
    throw new BackupError("KEY_MISSING", `${head.id} is encrypted and no key is set`, {
      hint: "Set ENCRYPT_KEY_FILE to the key that was in force when it was made.",
    });
  }
  return { secret: await keyring.unwrap(head.key_slots, head.id), cipher: head.cipher };
}

/** How the manifest of a restore point is sealed and authenticated. */
export function manifestKeys({ secret, cipher }: RestorePointKey): ManifestKeys {
  const sealer = documentSealer({ secret, cipher });
  const macKey = manifestMacKey(secret);
  const at = { kind: "manifest", number: 0, offset: 0 } as const;
  return {
    seal: (plain) => Buffer.concat(sealer.seal(at, plain)),
    open(sealed) {
      const plain = sealer.open(at, sealed);
      if (plain !== undefined) return plain;
      throw new BackupError("CORRUPT", "the sealed part of the manifest has been changed", {
        hint: "Take another restore point, or a replica of this one.",
      });
    },
    mac: (document) => hmac(macKey, document),
  };
}

/** What seals the documents of a restore point: its index. */
export function documentSealer(key: RestorePointKey | undefined): Sealer {
  if (key === undefined) return plainSealer;
  return createDocumentSealer({ dataKey: key.secret.dataKey, cipher: key.cipher, random: randomBytes });
}
