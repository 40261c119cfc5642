import { constants } from "node:fs";
import { type ByteName, cName } from "./byte-name.ts";
import { cPath, lastError, libc } from "./libc.ts";

const openat: (folder: number, path: Buffer, flags: number, mode: number) => number = libc.func(
  "int openat(int folder, const void *path, int flags, uint32_t mode)",
);
const mkdirat: (folder: number, name: Buffer, mode: number) => number = libc.func(
  "int mkdirat(int folder, const void *name, uint32_t mode)",
);
const symlinkat: (target: Buffer, folder: number, name: Buffer) => number = libc.func(
  "int symlinkat(const void *target, int folder, const void *name)",
);
const linkat: (from: number, oldName: Buffer, to: number, newName: Buffer, flags: number) => number = libc.func(
  "int linkat(int from, const void *old_name, int to, const void *new_name, int flags)",
);
const readlinkat: (folder: number, name: Buffer, into: Buffer, bytes: number) => number | bigint = libc.func(
  "int64_t readlinkat(int folder, const void *name, void *into, size_t bytes)",
);
const fchownat: (folder: number, name: Buffer, uid: number, gid: number, flags: number) => number = libc.func(
  "int fchownat(int folder, const void *name, uint32_t uid, uint32_t gid, int flags)",
);
const fchmodat: (folder: number, name: Buffer, mode: number, flags: number) => number = libc.func(
  "int fchmodat(int folder, const void *name, uint32_t mode, int flags)",
);

const dontFollow = 0x100; // AT_SYMLINK_NOFOLLOW
const closeOnExec = 0o2000000; // O_CLOEXEC
const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | closeOnExec;

function check(result: number, call: string, name: ByteName): void {
  if (result !== 0) throw lastError(call, Buffer.from(name, "latin1"));
}

/** Creates an empty file, mode 0600, where nothing is yet, and opens it for reading and writing; the caller closes it. */
export function createFileAt(folder: number, name: ByteName): number {
  const fd = openat(folder, cName(name), newFile, 0o600);
  if (fd < 0) throw lastError("openat", Buffer.from(name, "latin1"));
  return fd;
}

/** Creates a folder, mode 0700, where nothing is yet. */
export function makeFolderAt(folder: number, name: ByteName): void {
  check(mkdirat(folder, cName(name), 0o700), "mkdirat", name);
}

export function symlinkAt(target: Buffer, folder: number, name: ByteName): void {
  check(symlinkat(cPath(target), folder, cName(name)), "symlinkat", name);
}

/** Gives a file a further name. A symbolic link gets one itself; it is not followed. */
export function linkAt(from: { folder: number; name: ByteName }, to: { folder: number; name: ByteName }): void {
  check(linkat(from.folder, cName(from.name), to.folder, cName(to.name), 0), "linkat", to.name);
}

const scratch = Buffer.alloc(65536); // a target has at most 4095 bytes

export function readLinkAt(folder: number, name: ByteName): Buffer {
  const length = Number(readlinkat(folder, cName(name), scratch, scratch.length));
  if (length < 0) throw lastError("readlinkat", Buffer.from(name, "latin1"));
  return Buffer.from(scratch.subarray(0, length));
}

/** Changes the owner of a name, never of what a symbolic link leads to. Takes away setuid and capabilities. */
export function chownAt(folder: number, name: ByteName, owner: { uid: number; gid: number }): void {
  check(fchownat(folder, cName(name), owner.uid, owner.gid, dontFollow), "fchownat", name);
}

/** Changes the mode of a name that the caller knows to be no symbolic link (Linux cannot do it without following). */
export function chmodAt(folder: number, name: ByteName, mode: number): void {
  check(fchmodat(folder, cName(name), mode, 0), "fchmodat", name);
}
