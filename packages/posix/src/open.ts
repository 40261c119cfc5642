import { type BigIntStats, closeSync, constants, fstatSync, openSync } from "node:fs";
import { constants as os } from "node:os";
import { errorCode, SystemError } from "./libc.ts";

/** O_NONBLOCK: a fifo that took the file's place since it was seen must not hang the reader. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

function openQuietly(path: string | Buffer): number {
  try {
    return openSync(path, flags | constants.O_NOATIME);
  } catch (error) {
    if (errorCode(error) !== "EPERM") throw error; // only the owner or root may leave the access time alone
    return openSync(path, flags);
  }
}

/**
 * Opens a regular file for reading, without following a link at its end, without ever blocking, and without
 * touching its access time where that is allowed. Throws ELOOP for a symbolic link, EFTYPE for anything else
 * that is no regular file.
 *
 * @returns the descriptor, to be closed by the caller, and the facts of the open file
 */
export function openRegularFile(path: string | Buffer): { fd: number; stat: BigIntStats } {
  const fd = openQuietly(path);
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) throw new SystemError("open", os.errno.EINVAL, path, "EFTYPE");
    return { fd, stat };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
