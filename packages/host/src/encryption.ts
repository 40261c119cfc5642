import { readFile } from "node:fs/promises";
import { createKeyring, parseKeyFile, type Cipher } from "@erlmcp/crypto";
import { BackupError } from "@erlmcp/errors";
import type { Encryption } from "@erlmcp/restore-point";

/**
 * Reads the key file; undefined when none is set.
 *
 * @throws BackupError KEY_MISSING when it is set and can't be read: never a silent plain backup
 */
export async function openEncryption(keyFile: string | undefined, cipher: Cipher): Promise<Encryption | undefined> {
  if (keyFile === undefined) return undefined;
  let bytes: Buffer;
  try {
    bytes = await readFile(keyFile);
  } catch (cause) {
    throw new BackupError("KEY_MISSING", `the key file ${keyFile} cannot be read`, {
      hint: "Check ENCRYPT_KEY_FILE, and that the file is mounted into the container.",
      cause,
    });
  }
  return { keyring: createKeyring(parseKeyFile(bytes, keyFile)), cipher };
}
