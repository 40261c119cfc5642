import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";

/** A small document in the repository's `locks` folder that must outlive the run that wrote it. */
export interface FlushedRecord<T> {
  /** Resolves when it is on disk, whole: a crash leaves the one before. */
  put(value: T): Promise<void>;
  clear(): Promise<void>;
  /** Undefined when there is none. @throws when it is not what the schema says */
  read(): Promise<T | undefined>;
}

/** @param root of the repository */
export function createRecord<T>(
  root: string,
  { name, schema }: { name: string; schema: z.ZodType<T> },
): FlushedRecord<T> {
  const folder = join(root, "locks");
  const path = join(folder, name);
  return {
    async put(value) {
      await mkdir(folder, { recursive: true });
      await writeFlushed(`${path}.new`, JSON.stringify(value));
      await rename(`${path}.new`, path);
      await flushFolder(folder);
    },
    async clear() {
      await rm(path, { force: true });
      await flushFolder(folder);
    },
    async read() {
      const text = await readIfThere(path);
      return text === undefined ? undefined : schema.parse(JSON.parse(text));
    },
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Where a restore that is under way is recorded, in `locks`. */
export const restoreRecord = "restore.json";

const HalfRestored = z.looseObject({ id: z.string(), begun_at: z.string() });

/**
 * A system that is half restored is no state to back up, and what a restore needs must not go.
 *
 * @throws BackupError LOCKED
 */
export async function refuseHalfRestored(root: string): Promise<void> {
  const found = await createRecord(root, { name: restoreRecord, schema: HalfRestored }).read();
  if (found === undefined) return;
  throw new BackupError("LOCKED", `a restore of ${found.id}, begun at ${found.begun_at}, was cut off`, {
    hint: "Finish it with restore --resume, or undo it with restore --abort.",
  });
}
