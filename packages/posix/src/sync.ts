import { lastError, libc } from "./libc.ts";

const syncfs: (fd: number) => number = libc.func("int syncfs(int fd)");

/** Returns when all that was written to the file system of an open file or folder is on disk. */
export function syncFileSystem(fd: number): void {
  if (syncfs(fd) !== 0) throw lastError("syncfs");
}
