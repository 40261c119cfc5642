import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import koffi from "koffi";

/**
 * The C library that this process already runs on, glibc or musl: looking symbols up in the process itself
 * needs no file name, and there can be no second copy of it.
 */
export const libc = koffi.load(null);

/** libuv's name, so that the codes are those of Node's own errors; an errno that it doesn't know by its C name or number. */
function codeOf(errno: number): string {
  const known = getSystemErrorName(-errno);
  if (!known.startsWith("Unknown")) return known;
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `ERRNO_${errno}`;
}

/** A failed system call: what Node's own file functions throw, with `code` ("EACCES"), `errno`, `syscall` and `path`. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(syscall: string, errno: number, path?: string | Buffer, as?: string) {
    const code = as ?? codeOf(errno);
    const shown = path === undefined ? undefined : path.toString();
    super(`${code}: ${syscall}${shown === undefined ? "" : ` '${shown}'`}`);
    this.code = code;
    this.errno = -errno; // negative, as in Node's own errors
    this.syscall = syscall;
    this.path = shown;
  }
}

/** The error of the call that has just failed; to be asked for before any other call. */
export function lastError(syscall: string, path?: string | Buffer): SystemError {
  return new SystemError(syscall, koffi.errno(), path);
}

/** The `code` of a system error, Node's or ours; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

const zero = Buffer.alloc(1);

/** A path as C has it. A NUL inside would silently name another file, so it is refused. */
export function cPath(path: string | Buffer): Buffer {
  const bytes = typeof path === "string" ? Buffer.from(path, "utf8") : path;
  if (bytes.includes(0)) throw new SystemError("path", constants.errno.EINVAL, path);
  return Buffer.concat([bytes, zero]);
}
