import type { Stats, StatsFs } from "node:fs";
import { link, mkdir, open, readdir, rename, rm, stat, statfs, unlink } from "node:fs/promises";

/** An open file, as far as the repository writes one. */
export interface OutputFile {
  /** Writes all of `bytes` at the end of the file. */
  write(bytes: Uint8Array): Promise<void>;
  truncate(bytes: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Every system call by which the repository changes the disk. It goes through this one seam so that tests can stop
 * the process, or fail, before each of them in turn.
 */
export interface Io {
  mkdir(path: string, mode: number): Promise<void>;
  /** `wx`: the file must not be there; `a`: appends, and creates it when it is not. */
  open(path: string, flags: "wx" | "a", mode: number): Promise<OutputFile>;
  rename(from: string, to: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Removes a file or a tree; fine when it is not there. */
  remove(path: string): Promise<void>;
  /** Flushes the names in a folder. */
  syncFolder(path: string): Promise<void>;
}

export const realIo: Io = {
  async mkdir(path, mode) {
    await mkdir(path, { mode });
  },
  async open(path, flags, mode) {
    const file = await open(path, flags, mode);
    return {
      // writeFile goes on after a short write, which write alone does not
      write: (bytes) => file.writeFile(bytes),
      truncate: (bytes) => file.truncate(bytes),
      sync: () => file.sync(),
      close: () => file.close(),
    };
  },
  rename,
  link,
  unlink,
  remove: (path) => rm(path, { recursive: true, force: true }),
  async syncFolder(path) {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/** The names in a folder, ascending; none when it is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return [];
    throw error;
  }
}

export async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Bytes that a process without privileges may still write to the file system of `path`. */
export async function freeBytesAt(path: string): Promise<number> {
  const facts: StatsFs = await statfs(path);
  return facts.bavail * facts.bsize;
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
