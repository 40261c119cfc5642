import { closeSync, fstatSync, readSync, type BigIntStats } from "node:fs";
import type { FileXattrs } from "@erlmcp/entry";
import { dataExtents, listXattrsOf, openRegularFile } from "@erlmcp/posix";
import type { Extent, FileFacts, FileOutcome, SystemFailure } from "./messages.ts";

/** How often a file that changes while it is read is read. */
export const attempts = 3;

/** @throws Error with `code` */
export function factsOf(fd: number): FileFacts {
  return factsOfStat(fstatSync(fd, { bigint: true }));
}

function factsOfStat(stat: BigIntStats): FileFacts {
  return {
    size: Number(stat.size),
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: stat.mtimeNs,
    ctime: stat.ctimeNs,
    inode: stat.ino,
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
    const opened = openRegularFile(path);
    fd = opened.fd;
    const large = largeOutcome(fd, opened.stat, largeBytes);
    if (large !== undefined) {
      fd = undefined; // whoever reads it closes it
      return large;
    }
    let before = factsOfStat(opened.stat);
    for (let attempt = 1; ; attempt += 1) {
      if (before.size > target.byteLength - start) return undefined;
      const bytes = readExtents(fd, [[0, before.size]], { target, start }) - start;
      const xattrs = xattrsOf(fd);
      const after = factsOf(fd);
      const still = sameFacts(before, after) && bytes === before.size;
      if (still || attempt === attempts) {
        return { kind: "read", facts: { ...after, size: bytes }, chunks: 0, bytes, unstable: !still, xattrs };
      }
      before = after;
    }
  } catch (error) {
    return { kind: "failed", failure: failureOf(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** A file with holes is read by its extents; so is one that only looks as if it had some, which costs nothing. */
function largeOutcome(fd: number, stat: BigIntStats, largeBytes: number): FileOutcome | undefined {
  const facts = factsOfStat(stat);
  const extents = extentsOf(fd, stat);
  return facts.size > largeBytes || extents !== undefined ? { kind: "large", fd, facts, extents } : undefined;
}

/** Where a file with holes has data; undefined when it has none: compression or inlining makes it look so, too. */
export function extentsOf(fd: number, stat = fstatSync(fd, { bigint: true })): Extent[] | undefined {
  if (stat.blocks * 512n >= stat.size) return undefined;
  const extents = dataExtents(fd, Number(stat.size));
  const bytes = extents.reduce((sum, [, length]) => sum + length, 0);
  return BigInt(bytes) === stat.size ? undefined : extents;
}

/**
 * To be asked for between two looks at the file: a change of attributes changes the ctime, so that they belong to
 * the content when the file held still.
 */
export function xattrsOf(fd: number): FileXattrs {
  try {
    const found = listXattrsOf(fd);
    if (found.size === 0) return { values: undefined };
    return { values: Object.fromEntries([...found].map(([key, value]) => [key, value.toString("base64")])) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

export function failureOf(error: unknown): SystemFailure {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "FAILED";
  return { code, message };
}
