import { closeSync, constants } from "node:fs";
import { type ByteName, cName } from "./byte-name.ts";
import { cPath, errorCode, lastError, libc } from "./libc.ts";
import { syscallNumbers } from "./syscalls.ts";

const openat: (folder: number, path: Buffer, flags: number, mode: number) => number = libc.func(
  "int openat(int folder, const void *path, int flags, uint32_t mode)",
);
const getdents: (number: number, fd: number, into: Buffer, bytes: number) => number | bigint = libc.func(
  "int64_t syscall(int64_t number, int64_t fd, void *into, int64_t bytes)",
);

const fromHere = -100; // AT_FDCWD
const closeOnExec = 0o2000000; // O_CLOEXEC, which Node's constants lack
const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | closeOnExec;

function openWith(folder: number, path: Buffer, flags: number): number {
  const fd = openat(folder, path, flags, 0);
  if (fd < 0) throw lastError("openat", path.subarray(0, -1));
  return fd;
}

function openQuietly(folder: number, path: Buffer): number {
  try {
    return openWith(folder, path, folderFlags | constants.O_NOATIME);
  } catch (error) {
    if (errorCode(error) !== "EPERM") throw error; // only the owner or root may leave the access time alone
    return openWith(folder, path, folderFlags);
  }
}

/** Opens a folder by its path, not following a link at the end; the caller closes the descriptor. */
export function openFolder(path: string | Buffer): number {
  return openQuietly(fromHere, cPath(path));
}

/** Opens a folder in an open folder. Throws ENOTDIR (ELOOP) for what is none, a symbolic link to one included. */
export function openFolderAt(folder: number, name: ByteName): number {
  return openQuietly(folder, cName(name));
}

/** Opens the folder that an open folder lies in at this moment. */
export function openParent(folder: number): number {
  return openQuietly(folder, Buffer.from("..\0"));
}

export function closeFolder(folder: number): void {
  closeSync(folder);
}

const scratch = Buffer.alloc(65536);
const nameOffset = 19; // in a struct linux_dirent64

/** Every name in a folder that was just opened, in the order of the file system. */
export function readFolder(folder: number): ByteName[] {
  const names: ByteName[] = [];
  for (;;) {
    const filled = Number(getdents(syscallNumbers.getdents64, folder, scratch, scratch.length));
    if (filled < 0) throw lastError("getdents64");
    if (filled === 0) return names;
    for (let at = 0; at < filled; at += scratch.readUInt16LE(at + 16)) {
      const end = scratch.indexOf(0, at + nameOffset);
      const name = scratch.toString("latin1", at + nameOffset, end);
      if (name !== "." && name !== "..") names.push(name);
    }
  }
}
