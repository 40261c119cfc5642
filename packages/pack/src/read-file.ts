import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { allocatedExtents } from "./extents.ts";
import type { Extent, FileFacts, FileOutcome, SystemFailure } from "./messages.ts";

/** How often a file that changes while it is read is read. */
export const attempts = 3;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOATIME } = constants;
/** A fifo in place of the file must not hang us, nor a symbolic link lead us elsewhere. */
const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** @throws Error with `code` */
export function openForReading(path: Buffer): number {
  try {
    return openSync(path, flags | O_NOATIME);
  } catch (error) {
    if (failureOf(error).code !== "EPERM") throw error; // only the owner and root may leave the access time alone
    return openSync(path, flags);
  }
}

/** @throws Error with `code`; ENOTSUP for what is no regular file */
export function factsOf(fd: number): FileFacts & { blocks: bigint } {
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile()) throw Object.assign(new Error("not a regular file"), { code: "ENOTSUP" });
  return {
    size: Number(stat.size),
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: stat.mtimeNs,
    ctime: stat.ctimeNs,
    inode: stat.ino,
    blocks: stat.blocks,
  };
}

/** Whether the file held still between the two looks at it. */
export function sameFacts(a: FileFacts, b: FileFacts): boolean {
  return a.size === b.size && a.mtime === b.mtime && a.ctime === b.ctime;
}

/** Reads the extents back to back to `target` at `start`. @returns where it came to; short when the file has shrunk */
export function readExtents(
  fd: number,
  extents: Extent[],
  { target, start }: { target: Uint8Array; start: number },
): number {
  let at = start;
  for (const [offset, length] of extents) {
    const end = at + length;
    for (let position = offset; at < end;) {
      const count = readSync(fd, target, at, end - at, position);
      if (count === 0) return at;
      at += count;
      position += count;
    }
  }
  return at;
}

/**
 * Reads a small file whole to `target` at `start`; a large or sparse one is only opened.
 *
 * @returns undefined when the room does not suffice
 */
export function readSmallFile(
  path: Buffer,
  { target, start, largeBytes }: { target: Uint8Array; start: number; largeBytes: number },
): FileOutcome | undefined {
  let fd: number | undefined;
  try {
    fd = openForReading(path);
    let before = factsOf(fd);
    for (let attempt = 1; ; attempt += 1) {
      const large = largeOutcome(fd, before, largeBytes);
      if (large !== undefined) {
        fd = undefined; // whoever reads it closes it
        return large;
      }
      if (before.size > target.byteLength - start) return undefined;
      const bytes = readExtents(fd, [[0, before.size]], { target, start }) - start;
      const after = factsOf(fd);
      const still = sameFacts(before, after) && bytes === before.size;
      if (still || attempt === attempts) {
        return { kind: "read", facts: { ...after, size: bytes }, chunks: 0, bytes, unstable: !still };
      }
      before = after;
    }
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function largeOutcome(fd: number, facts: FileFacts & { blocks: bigint }, largeBytes: number): FileOutcome | undefined {
  const sparse = facts.blocks * 512n < BigInt(facts.size);
  const extents = sparse ? allocatedExtents(fd, facts.size) : undefined;
  return facts.size > largeBytes || extents !== undefined ? { kind: "large", fd, facts, extents } : undefined;
}

export function failureOf(error: unknown): SystemFailure {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "FAILED";
  return { code, message };
}
