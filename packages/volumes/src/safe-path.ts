import { bytesOf, namesIn, type ByteString } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { ByteName } from "@erlmcp/posix";
import { displayPath } from "./names.ts";

const nameLimit = 255; // bytes, of every Linux file system

/**
 * A path of an entry as its names. What comes from a restore point is not trusted to stay inside: only plain names pass.
 *
 * @throws BackupError CORRUPT
 */
export function namesOf(path: ByteString): ByteName[] {
  const names = namesIn(path);
  if (names?.every((name) => name.length <= nameLimit) === true) return names;
  const shown = displayPath(bytesOf(path).toString("latin1")).slice(0, 300);
  throw new BackupError("CORRUPT", `the path ${shown} in the restore point is none`, {
    hint: "Nothing was written there. Run verify, and take another restore point.",
  });
}

/**
 * Tells whether a name is one of these paths, or lies in one; every name when there are none.
 *
 * @param paths as entries and operators write them, text and not the bytes of names
 */
export function selectorOf(paths: readonly string[] | undefined): (name: ByteName) => boolean {
  const wanted = paths?.map((path) => namesOf(path).join("/"));
  return (name) => wanted?.some((path) => path === "" || name === path || name.startsWith(`${path}/`)) ?? true;
}
