import type { Entry, FileEntry, LinkEntry, NodeEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import {
  type ByteName,
  chmodAt,
  chownAt,
  errorCode,
  listXattrsAt,
  pathInFolder,
  removeXattr,
  setTimesAt,
  setXattr,
  statAt,
} from "@erlmcp/posix";
import { displayPath } from "./names.ts";

export type TreeEntry = FileEntry | LinkEntry | NodeEntry;

/** @throws BackupError CORRUPT for what belongs into no tree */
export function treeEntry(entry: Entry): TreeEntry {
  if (entry.kind !== "table" && entry.kind !== "dump") return entry;
  throw new BackupError("CORRUPT", `a ${entry.kind} stands among files`);
}

/** Set by the system itself; not ours to take away. */
const systemXattrs = new Set(["security.selinux", "security.ima", "security.evm"]);

/**
 * Gives a name the owner, attributes, mode and time of an entry: in this order, as a new owner takes away setuid and
 * capabilities, and an ACL changes the mode. Nothing is written where all is as it should be.
 *
 * @returns whether anything was changed
 * @throws BackupError FAILED with what could not be set
 */
export function applyAttributes(folder: number, name: ByteName, entry: TreeEntry): boolean {
  try {
    const facts = statAt(folder, name);
    const moved = facts.uid !== entry.uid || facts.gid !== entry.gid;
    if (moved) chownAt(folder, name, entry);
    const attributed = applyXattrs(folder, name, entry.xattrs ?? {});
    const now = moved || attributed ? statAt(folder, name) : facts;
    const modes = entry.kind !== "symlink" && now.mode !== entry.mode;
    if (modes) chmodAt(folder, name, entry.mode);
    const mtime = BigInt(entry.mtime);
    const times = facts.mtime !== mtime;
    if (times) setTimesAt(folder, name, { mtime });
    return moved || attributed || modes || times;
  } catch (cause) {
    const code = errorCode(cause);
    if (code === undefined || cause instanceof BackupError) throw cause;
    throw new BackupError(
      "FAILED",
      `owner, mode or attributes of ${displayPath(pathOf(entry))} cannot be set: ${code}`,
      {
        hint: "Run it as root with CAP_CHOWN, CAP_FOWNER and CAP_SETFCAP, on a file system that has such attributes.",
        cause,
      },
    );
  }
}

export function pathOf({ path }: Pick<TreeEntry, "path">): ByteName {
  return typeof path === "string"
    ? Buffer.from(path).toString("latin1")
    : Buffer.from(path.b64, "base64").toString("latin1");
}

function applyXattrs(folder: number, name: ByteName, wanted: Readonly<Record<string, string>>): boolean {
  const path = pathInFolder(folder, name);
  const there = listXattrsAt(folder, name);
  let changed = false;
  for (const key of there.keys()) {
    if (key in wanted || systemXattrs.has(key)) continue;
    removeXattr(path, key);
    changed = true;
  }
  for (const [key, encoded] of Object.entries(wanted)) {
    const value = Buffer.from(encoded, "base64");
    if (there.get(key)?.equals(value) === true) continue;
    setXattr(path, key, value);
    changed = true;
  }
  return changed;
}
