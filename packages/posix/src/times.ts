import { type ByteName, cName } from "./byte-name.ts";
import { cPath, lastError, libc } from "./libc.ts";

const utimensat: (folder: number, path: Buffer, times: Buffer, flags: number) => number = libc.func(
  "int utimensat(int folder, const void *path, const void *times, int flags)",
);
const futimens: (fd: number, times: Buffer) => number = libc.func("int futimens(int fd, const void *times)");

const fromHere = -100; // AT_FDCWD
const dontFollow = 0x100; // AT_SYMLINK_NOFOLLOW
const omit = 0x3ffffffen; // UTIME_OMIT
const second = 1_000_000_000n;

/** Nanoseconds since the epoch; a time that is left out stays as it is. */
export interface Times {
  atime?: bigint;
  mtime?: bigint;
}

const timespecs = Buffer.alloc(32);

function encode({ atime, mtime }: Times): Buffer {
  for (const [at, time] of [
    [0, atime],
    [16, mtime],
  ] as const) {
    const nanoseconds = time === undefined ? omit : ((time % second) + second) % second; // never negative, as the kernel wants
    timespecs.writeBigInt64LE(time === undefined ? 0n : (time - nanoseconds) / second, at);
    timespecs.writeBigInt64LE(nanoseconds, at + 8);
  }
  return timespecs;
}

/** Sets times to the nanosecond, also of a symbolic link itself. */
export function setTimes(path: string | Buffer, times: Times): void {
  if (utimensat(fromHere, cPath(path), encode(times), dontFollow) !== 0) throw lastError("utimensat", path);
}

/** As `setTimes`, of a name in an open folder. */
export function setTimesAt(folder: number, name: ByteName, times: Times): void {
  if (utimensat(folder, cName(name), encode(times), dontFollow) !== 0) {
    throw lastError("utimensat", Buffer.from(name, "latin1"));
  }
}

/** As `setTimes`, of an open file. */
export function setTimesOf(fd: number, times: Times): void {
  if (futimens(fd, encode(times)) !== 0) throw lastError("futimens");
}
