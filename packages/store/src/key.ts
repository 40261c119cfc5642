import { BackupError } from "@erlmcp/errors";

/**
 * Refuses a key that could mean something else in another store: empty, absolute, too long, with empty names, `.`, `..`
 * or control characters.
 * @throws BackupError FAILED
 */
export function checkKey(key: string): string {
  const names = key.split("/");
  const bad = names.some((name) => name === "" || name === "." || name === "..") || /\p{Cc}/u.test(key);
  if (bad || Buffer.byteLength(key) > 900) throw new BackupError("FAILED", `${JSON.stringify(key)} cannot be a key`);
  return key;
}

export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
