import { errorCode, lastError, libc } from "./libc.ts";

const call: (fd: number, operation: number) => number = libc.func("int flock(int fd, int operation)");

const operations = { shared: 1, exclusive: 2 } as const;
const dontWait = 4; // LOCK_NB

/**
 * Locks an open file against every other open of it, in this process or another (flock(2)). The lock goes when
 * the descriptor is closed, however the process ends. Waiting blocks the thread.
 *
 * @returns false when another holds it and `wait` is false
 */
export function flock(fd: number, mode: "exclusive" | "shared", options: { wait: boolean }): boolean {
  for (;;) {
    if (call(fd, operations[mode] | (options.wait ? 0 : dontWait)) === 0) return true;
    const error = lastError("flock");
    if (errorCode(error) === "EAGAIN") return false; // EWOULDBLOCK is the same number
    if (errorCode(error) !== "EINTR") throw error;
  }
}
