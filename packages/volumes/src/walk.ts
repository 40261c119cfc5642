import { BackupError } from "@erlmcp/errors";
import {
  type ByteName,
  closeFolder,
  type FileFacts,
  openFolder,
  openFolderAt,
  openParent,
  readFolder,
  statAt,
} from "@erlmcp/posix";
import { joinPath } from "./names.ts";
import { OpenFolder } from "./open-folder.ts";
import { type Loss, lossOf } from "./loss.ts";

/** Something that is there. `folder` is open until the walk goes on; who needs it longer holds it. */
export interface Found {
  path: ByteName; // relative to the root, which is ""
  folder: OpenFolder;
  name: ByteName; // in that folder; "." for the root
  facts: FileFacts;
}

/** Something that is there, or was, and cannot be taken. */
export interface Missed {
  path: ByteName;
  loss: Loss;
}

export interface WalkOptions {
  mounts: "one" | "all"; // whether other file systems that are mounted inside the tree are entered
  openFolders: number; // how many folders on the way down are held open; deeper ones are opened again on the way back
}

/** A folder on the way down. */
interface Level {
  path: ByteName;
  facts: FileFacts;
  names: ByteName[];
  next: number;
  folder: OpenFolder | undefined; // undefined while far above
}

/**
 * Walks a tree in the order of the entry stream: a folder, then its names by their bytes, each with all that is in
 * it. It follows no symbolic link and uses no path longer than one name, so neither a link that takes a folder's
 * place meanwhile nor a tree deeper than PATH_MAX leads it astray. In memory are the names of the folders on
 * the way down. Never asynchronous: whoever consumes it decides when the event loop gets its turn.
 *
 * @throws BackupError SOURCE_FAILED when the root cannot be opened
 */
export function* walk(root: string | Buffer, options: WalkOptions): Generator<Found | Missed, void, undefined> {
  const levels: Level[] = [openRoot(root)];
  try {
    for (let level = levels[0]; level !== undefined; level = levels.at(-1)) {
      const name = level.names[level.next];
      const folder = level.folder;
      if (name === undefined || folder === undefined) {
        yield* leave(levels);
        continue;
      }
      if (level.path === "" && level.next === 0 && name === ".") {
        yield { path: "", folder, name, facts: level.facts };
        level.next += 1;
        continue;
      }
      level.next += 1;
      const found = look(folder, joinPath(level.path, name), name);
      if (!("facts" in found)) {
        yield found;
        continue;
      }
      yield* enter(levels, found, options);
    }
  } finally {
    for (const level of levels) level.folder?.release();
  }
}

function openRoot(root: string | Buffer): Level {
  let fd: number;
  try {
    fd = openFolder(root);
  } catch (error) {
    const { reason } = lossOf(error);
    throw new BackupError("SOURCE_FAILED", `the folder ${root.toString()} cannot be read: ${reason}`, { cause: error });
  }
  try {
    return { path: "", facts: statAt(fd, "."), names: [".", ...sortedNames(fd)], next: 0, folder: new OpenFolder(fd) };
  } catch (error) {
    closeFolder(fd);
    throw error;
  }
}

/** One character is one byte, so the order of strings is that of bytes. */
function sortedNames(fd: number): ByteName[] {
  // oxlint-disable-next-line unicorn/no-array-sort, unicorn/require-array-sort-compare -- a copy and a callback cost as much as the walk
  return readFolder(fd).sort();
}

function look(folder: OpenFolder, path: ByteName, name: ByteName): Found | Missed {
  try {
    return { path, folder, name, facts: statAt(folder.fd, name) };
  } catch (error) {
    return { path, loss: lossOf(error) };
  }
}

function isElsewhere(found: Found, root: FileFacts): boolean {
  // btrfs gives every subvolume a device of its own within one mount, so the mount decides where it is known.
  return root.mount === 0n ? found.facts.device !== root.device : found.facts.mount !== root.mount;
}

/** Hands over what was found and, when it is a folder, goes down into it. */
function* enter(levels: Level[], found: Found, options: WalkOptions): Generator<Found | Missed, void, undefined> {
  const root = levels[0];
  const isMount = options.mounts === "one" && root !== undefined && isElsewhere(found, root.facts);
  if (isMount) {
    // The folder that it hides is not to be seen; an empty one in its place lets a restore mount there again.
    if (found.facts.kind === "folder") yield found;
    yield { path: found.path, loss: { verdict: "excluded", reason: "another file system is mounted here" } };
    return;
  }
  if (found.facts.kind !== "folder") {
    yield found;
    return;
  }
  const level = openLevel(found);
  if ("loss" in level) {
    yield found;
    yield level;
    return;
  }
  levels.push(level); // before the yield, so that it is closed should the walk end there
  yield found;
  const distant = levels[levels.length - 1 - options.openFolders];
  if (distant !== undefined && distant !== root) {
    distant.folder?.release();
    distant.folder = undefined;
  }
}

function openLevel(found: Found): Level | Missed {
  const { path, facts } = found;
  let fd: number | undefined;
  try {
    fd = openFolderAt(found.folder.fd, found.name);
    const inside = statAt(fd, ".");
    const level = { path, facts: inside, names: sortedNames(fd), next: 0, folder: new OpenFolder(fd) };
    fd = undefined;
    return level;
  } catch (error) {
    return { path, loss: lossOf(error, facts.kind) };
  } finally {
    if (fd !== undefined) closeFolder(fd);
  }
}

/** Goes back up one level, opening the folder above again where it was closed on the way down. */
function* leave(levels: Level[]): Generator<Missed, void, undefined> {
  const level = levels.pop();
  const above = levels.at(-1);
  if (above !== undefined && above.folder === undefined) {
    above.folder = level?.folder === undefined ? undefined : reopen(level.folder, above);
    if (above.folder === undefined && above.next < above.names.length) {
      yield { path: above.path, loss: { verdict: "unreadable", reason: "moved while the tree was read" } };
    }
  }
  level?.folder?.release();
}

function reopen(below: OpenFolder, level: Level): OpenFolder | undefined {
  const fd = openParent(below.fd);
  const facts = statAt(fd, ".");
  if (facts.inode === level.facts.inode && facts.device === level.facts.device) return new OpenFolder(fd);
  closeFolder(fd);
  return undefined;
}
