import { readdirSync, rmSync, unlinkSync } from "node:fs";
import type { LinkEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import {
  type ByteName,
  closeFolder,
  errorCode,
  type FileFacts,
  type NodeFacts,
  openFolderAt,
  pathInFolder,
  statAt,
} from "@erlmcp/posix";
import { pathOf, type TreeEntry } from "./attributes.ts";
import { displayPath } from "./names.ts";

/** What `makeNodeAt` needs of a fifo or device. @throws BackupError CORRUPT */
export function nodeFacts(entry: TreeEntry): NodeFacts {
  if (entry.kind === "fifo") return { kind: entry.kind, mode: entry.mode };
  if (entry.kind !== "chardev" && entry.kind !== "blockdev") {
    throw new BackupError("FAILED", `a ${entry.kind} is no node`);
  }
  const { kind, mode, device } = entry;
  if (device === undefined) {
    throw new BackupError("CORRUPT", `${displayPath(pathOf(entry))} is a device without numbers`);
  }
  return { kind, mode, device };
}

/** Its bytes. */
export function linkTarget({ target }: LinkEntry): Buffer {
  return typeof target === "string" ? Buffer.from(target) : Buffer.from(target.b64, "base64");
}

/** Of a name in an open folder, itself and not what it points to; undefined when there is none. */
export function factsAt(folder: number, name: ByteName): FileFacts | undefined {
  try {
    return statAt(folder, name);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes a name and all that is in it; a symbolic link itself. */
export function remove(folder: number, name: ByteName): void {
  const path = pathInFolder(folder, name);
  const kind = factsAt(folder, name)?.kind;
  if (kind === "folder") removeFolder(folder, name);
  else if (kind !== undefined) unlinkSync(path);
}

function removeFolder(folder: number, name: ByteName): void {
  const fd = openFolderAt(folder, name);
  try {
    for (const raw of readdirSync(pathInFolder(fd, "."), { encoding: "buffer" })) remove(fd, raw.toString("latin1"));
  } finally {
    closeFolder(fd);
  }
  rmSync(pathInFolder(folder, name), { recursive: true });
}
