import { isUtf8 } from "node:buffer";
import { constants } from "node:os";
import { type ByteName, cName, pathInFolder } from "./byte-name.ts";
import { cPath, errorCode, lastError, libc, SystemError } from "./libc.ts";
import { syscallNumbers } from "./syscalls.ts";

type List = (path: Buffer, list: Buffer, size: number) => number | bigint;
type Get = (path: Buffer, name: Buffer, value: Buffer, size: number) => number | bigint;
type ListOf = (fd: number, list: Buffer, size: number) => number | bigint;
type GetOf = (fd: number, name: Buffer, value: Buffer, size: number) => number | bigint;
type Put = (path: Buffer, name: Buffer, value: Buffer, size: number, flags: number) => number;

const llistxattr: List = libc.func("int64_t llistxattr(const void *path, void *list, size_t size)");
const lgetxattr: Get = libc.func("int64_t lgetxattr(const void *path, const void *name, void *value, size_t size)");
const flistxattr: ListOf = libc.func("int64_t flistxattr(int fd, void *list, size_t size)");
const fgetxattr: GetOf = libc.func("int64_t fgetxattr(int fd, const void *name, void *value, size_t size)");
const lsetxattr: Put = libc.func(
  "int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)",
);
const lremovexattr: (path: Buffer, name: Buffer) => number = libc.func(
  "int lremovexattr(const void *path, const void *name)",
);
type ListAt = (
  number: number,
  folder: number,
  name: Buffer,
  flags: number,
  list: Buffer,
  size: number,
) => number | bigint;
const listxattrat: ListAt = libc.func(
  "int64_t syscall(int64_t number, int64_t folder, const void *name, int64_t flags, void *list, size_t size)",
);

const dontFollow = 0x100; // AT_SYMLINK_NOFOLLOW
const limit = 65536; // the kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX
const scratch = Buffer.alloc(limit);
const none: ReadonlyMap<string, Buffer> = new Map();

/** The names in a NUL-separated list as the kernel gives it, sorted. */
function splitNames(list: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let at = 0; at < list.length;) {
    const end = list.indexOf(0, at);
    names.push(Buffer.from(list.subarray(at, end)));
    at = end + 1;
  }
  return names.toSorted((a, b) => Buffer.compare(a, b));
}

/** @param from a path that ends in NUL, or an open file */
function getXattr(from: Buffer | number, name: Buffer): Buffer | undefined {
  const length = Number(
    typeof from === "number"
      ? fgetxattr(from, cPath(name), scratch, limit)
      : lgetxattr(from, cPath(name), scratch, limit),
  );
  if (length >= 0) return Buffer.from(scratch.subarray(0, length));
  const error = lastError("getxattr", shown(from));
  if (errorCode(error) === "ENODATA") return undefined; // removed since it was listed
  throw error;
}

function shown(from: Buffer | number): Buffer | undefined {
  return typeof from === "number" ? undefined : from.subarray(0, -1);
}

/** The values of these attributes, of what `getXattr` takes. */
function readXattrs(path: Buffer | number, names: Buffer[]): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of names) {
    if (!isUtf8(name)) throw new SystemError("getxattr", constants.errno.EILSEQ, shown(path));
    const value = getXattr(path, name);
    if (value !== undefined) found.set(name.toString("utf8"), value);
  }
  return found;
}

/**
 * Every extended attribute that the caller may see, POSIX ACLs (`system.posix_acl_access`, `…_default`) and
 * file capabilities among them, sorted by name. A symbolic link is not followed.
 * Empty where the file system has none. Throws EILSEQ for an attribute whose name is no UTF-8.
 */
export function listXattrs(path: string | Buffer): Map<string, Buffer> {
  const bytes = cPath(path);
  const length = Number(llistxattr(bytes, scratch, limit));
  if (length > 0) return readXattrs(bytes, splitNames(scratch.subarray(0, length)));
  if (length < 0) throwUnlessUnsupported(lastError("llistxattr", path));
  return new Map();
}

/** As `listXattrs`, of an open file: a fraction of the cost of a path. */
export function listXattrsOf(fd: number): ReadonlyMap<string, Buffer> {
  const length = Number(flistxattr(fd, scratch, limit));
  if (length > 0) return readXattrs(fd, splitNames(scratch.subarray(0, length)));
  if (length < 0) throwUnlessUnsupported(lastError("flistxattr"));
  return none;
}

function throwUnlessUnsupported(error: SystemError): void {
  if (error.code !== "ENOTSUP") throw error; // a file system without attributes
}

let hasListAt = true;

/**
 * As `listXattrs`, of a name in an open folder ("." is the folder itself).
 * Half the cost of a path where the kernel (6.13 or later) and the container's seccomp profile allow it.
 */
export function listXattrsAt(folder: number, name: ByteName): ReadonlyMap<string, Buffer> {
  if (hasListAt) {
    const length = Number(listxattrat(syscallNumbers.listxattrat, folder, cName(name), dontFollow, scratch, limit));
    if (length === 0) return none;
    if (length > 0) return readXattrs(cPath(pathInFolder(folder, name)), splitNames(scratch.subarray(0, length)));
    const error = lastError("listxattrat", Buffer.from(name, "latin1"));
    if (error.code !== "ENOSYS" && error.code !== "EPERM") {
      throwUnlessUnsupported(error);
      return none;
    }
    hasListAt = false;
  }
  return listXattrs(pathInFolder(folder, name));
}

/** Creates or replaces one extended attribute. A symbolic link is not followed. */
export function setXattr(path: string | Buffer, name: string, value: Buffer): void {
  if (lsetxattr(cPath(path), cPath(name), value, value.length, 0) !== 0) throw lastError("lsetxattr", path);
}

/** Removes one extended attribute; one that is not there is no error. */
export function removeXattr(path: string | Buffer, name: string): void {
  if (lremovexattr(cPath(path), cPath(name)) === 0) return;
  const error = lastError("lremovexattr", path);
  if (!["ENODATA", "ENOTSUP"].includes(error.code)) throw error;
}
