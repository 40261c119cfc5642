import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** PostgreSQL cuts longer names off; bytes. */
const nameLimitBytes = 63;

/** Holds what a restore has done so far, in the server itself. */
export function controlDatabase(restoreId: string): string {
  return `erlmcp_restore_${restoreId}`;
}

/** How the control databases of all restores are called. */
export const controlPrefix = "erlmcp_restore_";

/** Where a database is restored to, before it takes its name. */
export function stagedName(name: string, restoreId: string): string {
  return suffixed(name, `__erlmcp_restore_${restoreId}`);
}

/** What the database that was there is called until the restore is finished. */
export function keptName(name: string, restoreId: string): string {
  return suffixed(name, `__erlmcp_old_${restoreId}`);
}

/** The schema that keeps a table's old rows until the restore is finished. */
export function keptSchema(restoreId: string): string {
  return `erlmcp_old_${restoreId}`;
}

/** Names that are too long are cut, and told apart by a part of their hash. */
function suffixed(name: string, suffix: string): string {
  const room = nameLimitBytes - Buffer.byteLength(suffix);
  if (Buffer.byteLength(name) <= room) return `${name}${suffix}`;
  const mark = `~${createHash("sha256").update(name).digest("hex").slice(0, 6)}`;
  let cut = "";
  for (const character of name) {
    if (Buffer.byteLength(cut + character) > room - mark.length) break;
    cut += character;
  }
  return `${cut}${mark}${suffix}`;
}
