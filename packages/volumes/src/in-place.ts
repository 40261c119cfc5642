import type { FileEntry } from "@erlmcp/entry";
import { type ByteName, closeFolder, type FileFacts, openFolderAt } from "@erlmcp/posix";
import { factsAt } from "./made.ts";
import type { OpenFolder } from "./open-tree.ts";

/** A name in a folder that none of the captured files has taken; of what else has it, nothing is kept. */
export function temporaryName(folder: OpenFolder, tag: string | undefined): ByteName {
  let name = tag === undefined ? ".erlmcp-restore.tmp" : `.erlmcp-restore-${tag}.tmp`;
  while (folder.seen.has(name)) name += "~";
  return name;
}

/** Down from an open folder, through folders alone; undefined when one of them is none. The caller closes it. */
export function openDown(root: number, names: readonly ByteName[]): number | undefined {
  let fd = openFolderAt(root, ".");
  for (const name of names) {
    const isFolder = factsAt(fd, name)?.kind === "folder";
    const next = isFolder ? openFolderAt(fd, name) : undefined;
    closeFolder(fd);
    if (next === undefined) return undefined;
    fd = next;
  }
  return fd;
}

/** The very file that was captured, by all that changes with every write: not one byte of it can be another. */
export function isUntouched(there: FileFacts, entry: FileEntry): boolean {
  return (
    there.mtime === BigInt(entry.mtime) &&
    there.ctime === BigInt(entry.ctime) &&
    there.inode.toString() === entry.inode &&
    entry.unstable !== true
  );
}

export function startsWith(names: readonly ByteName[], prefix: readonly ByteName[]): boolean {
  return prefix.length <= names.length && prefix.every((name, at) => names[at] === name);
}
