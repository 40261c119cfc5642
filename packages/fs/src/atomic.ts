import { dirname } from "node:path";
import { isCode, type Io } from "./io.ts";

export interface FileTarget {
  io: Io;
  temporary: string; // on the same file system; unique
  mode: number;
}

/** Writes a file and flushes it; its name is not flushed. The file must not be there. */
export async function writeFileSynced(
  target: { io: Io; path: string; mode: number },
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await target.io.open(target.path, "wx", target.mode);
  try {
    for await (const piece of pieces) await file.write(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** Puts a file in place whole or not at all, over what had the name before. */
export async function replaceFile(
  { io, temporary, mode }: FileTarget,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    await writeFileSynced({ io, path: temporary, mode }, pieces);
    await io.rename(temporary, path);
  } catch (error) {
    await io.remove(temporary);
    throw error;
  }
  await io.syncFolder(dirname(path));
}

/** As replaceFile, but leaves what has the name alone: a link, unlike a rename, never replaces. */
export async function createFile(
  { io, temporary, mode }: FileTarget,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<"stored" | "exists"> {
  try {
    await writeFileSynced({ io, path: temporary, mode }, pieces);
    await io.link(temporary, path);
  } catch (error) {
    if (isCode(error, "EEXIST")) return "exists";
    throw error;
  } finally {
    await io.remove(temporary);
  }
  await io.syncFolder(dirname(path));
  return "stored";
}
