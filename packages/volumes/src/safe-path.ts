import { bytesOf, type ByteString } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { ByteName } from "@erlmcp/posix";
import { displayPath } from "./names.ts";

const nameLimit = 255; // bytes, of every Linux file system
const pathLimit = 1024 * 1024; // bytes; deeper than any tree that a walk could have met

/**
 * A path of an entry as its names. What comes from a restore point is not trusted to stay inside: only plain names pass.
 *
 * @throws BackupError CORRUPT
 */
export function namesOf(path: ByteString): ByteName[] {
  const text = bytesOf(path).toString("latin1");
  if (text === "") return [];
  const names = text.split("/");
  const plain = text.length <= pathLimit && names.every(isPlain);
  if (plain) return names;
  throw new BackupError("CORRUPT", `the path ${displayPath(text).slice(0, 300)} in the restore point is none`, {
    hint: "Nothing was written there. Run verify, and take another restore point.",
  });
}

function isPlain(name: ByteName): boolean {
  return name !== "" && name !== "." && name !== ".." && name.length <= nameLimit && !name.includes("\0");
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
