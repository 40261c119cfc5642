import { closeSync, ftruncateSync, fsyncSync, readSync, writeSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { FileEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { type ByteName, createFileAt, dataExtents, openRegularFile, pathInFolder } from "@erlmcp/posix";
import { displayPath } from "./names.ts";
import { pathOf } from "./attributes.ts";

export type ReadContent = (content: FileEntry["content"]) => AsyncIterable<Uint8Array>;

/** Where the bytes of a content belong in the file; one extent for a file without holes. */
function extentsOf(entry: FileEntry): readonly (readonly [number, number])[] {
  const extents = entry.sparse ?? (entry.size === 0 ? [] : [[0, entry.size] as const]);
  let end = 0;
  let bytes = 0;
  for (const [offset, length] of extents) {
    if (offset < end || length < 0 || offset + length > entry.size) throw lies(entry);
    end = offset + length;
    bytes += length;
  }
  if (bytes !== entry.content.bytes) throw lies(entry);
  return extents;
}

function lies(entry: FileEntry): BackupError {
  return new BackupError("CORRUPT", `the size of ${displayPath(pathOf(entry))} does not fit what is stored of it`, {
    hint: "Run verify, and take another restore point.",
  });
}

/** Pieces of a content with their places in the file. */
async function* placed(entry: FileEntry, read: ReadContent): AsyncGenerator<{ bytes: Uint8Array; at: number }> {
  const extents = extentsOf(entry)[Symbol.iterator]();
  let [at, left] = [0, 0];
  let total = 0;
  for await (const piece of read(entry.content)) {
    for (let used = 0; used < piece.length;) {
      while (left === 0) {
        const next = extents.next();
        if (next.done === true) throw lies(entry);
        [at, left] = next.value;
      }
      const bytes = piece.subarray(used, used + left);
      yield { bytes, at };
      used += bytes.length;
      at += bytes.length;
      left -= bytes.length;
      total += bytes.length;
    }
  }
  if (total !== entry.content.bytes) throw lies(entry);
}

/**
 * Writes a new file, holes left out.
 *
 * @returns the bytes written
 * @throws BackupError CORRUPT when the content is not as long as the entry says; EEXIST, ENOSPC … of the system
 */
export async function writeFileAt(
  folder: number,
  name: ByteName,
  { entry, read, durable }: { entry: FileEntry; read: ReadContent; durable: boolean },
): Promise<number> {
  const fd = createFileAt(folder, name);
  try {
    for await (const { bytes, at } of placed(entry, read)) {
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
    }
    ftruncateSync(fd, entry.size);
    if (durable) fsyncSync(fd);
    return entry.content.bytes;
  } finally {
    closeSync(fd);
  }
}

/** Whether a file holds just the content of an entry, with its holes where they were. */
export async function hasContent(
  folder: number,
  name: ByteName,
  { entry, read }: { entry: FileEntry; read: ReadContent },
): Promise<boolean> {
  const { fd, stat } = openRegularFile(pathInFolder(folder, name));
  try {
    if (Number(stat.size) !== entry.size) return false;
    if (entry.sparse !== undefined && !isDeepStrictEqual(dataExtents(fd, entry.size), entry.sparse)) return false;
    let scratch = Buffer.alloc(0);
    for await (const { bytes, at } of placed(entry, read)) {
      if (scratch.length < bytes.length) scratch = Buffer.alloc(bytes.length);
      const filled = readSync(fd, scratch, 0, bytes.length, at);
      if (filled !== bytes.length || scratch.subarray(0, filled).compare(bytes) !== 0) return false;
    }
    return true;
  } finally {
    closeSync(fd);
  }
}
