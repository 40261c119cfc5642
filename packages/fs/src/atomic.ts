import { dirname, join } from "node:path";
import { isCode, type Io, type OutputFile } from "./io.ts";

/** How a file comes to be: under a name of its own in `temporaryFolder`, which is on the same file system. */
export interface FileTarget {
  io: Io;
  temporaryFolder: string;
  mode: number;
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** Writes a file and flushes it; its name is not flushed. The file must not be there, and is not when this fails. */
export async function writeFileSynced(
  target: { io: Io; path: string; mode: number },
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await target.io.open(target.path, "wx", target.mode);
  await fill(target.io, { file, path: target.path }, pieces);
}

async function fill(
  io: Io,
  { file, path }: { file: OutputFile; path: string },
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    try {
      for await (const piece of pieces) await file.write(piece);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await io.remove(path);
    throw error;
  }
}

/** A flushed file under a name that nobody else has: process numbers tell nothing apart, every container has a process 1. */
async function writeTemporary(target: FileTarget, pieces: AsyncIterable<Uint8Array>): Promise<string> {
  for (let number = 1; ; number += 1) {
    const path = join(target.temporaryFolder, `.new-${number}`);
    const file = await openUnlessTaken(target, path);
    if (file === undefined) continue;
    await fill(target.io, { file, path }, pieces);
    return path;
  }
}

async function openUnlessTaken({ io, mode }: FileTarget, path: string): Promise<OutputFile | undefined> {
  try {
    return await io.open(path, "wx", mode);
  } catch (error) {
    if (isCode(error, "EEXIST")) return undefined;
    throw error;
  }
}

/** Puts a file in place whole or not at all, over what had the name before. */
export async function replaceFile(target: FileTarget, path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = await writeTemporary(target, pieces);
  try {
    await target.io.rename(temporary, path);
  } catch (error) {
    await target.io.remove(temporary);
    throw error;
  }
  await target.io.syncFolder(dirname(path));
}

/** As replaceFile, but leaves what has the name alone: a link, unlike a rename, never replaces. */
export async function createFile(
  target: FileTarget,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<"stored" | "exists"> {
  const temporary = await writeTemporary(target, pieces);
  try {
    await target.io.link(temporary, path);
  } catch (error) {
    if (isCode(error, "EEXIST")) return "exists";
    throw error;
  } finally {
    await target.io.remove(temporary);
  }
  await target.io.syncFolder(dirname(path));
  return "stored";
}
