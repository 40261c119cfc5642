import { readFile } from "node:fs/promises";
import { readObject, type ObjectStore } from "@erlmcp/store";

/** Of the stand-alone reader, in the root of every backup target. */
export const readerName = "rescue.mjs";

const limitBytes = 1024 * 1024; // whatever lies there, this much of it is looked at

/** The reader as it lies beside this code: in its package, or beside a job's bundle. */
export async function readReader(): Promise<Buffer> {
  return readFile(new URL(readerName, import.meta.url));
}

/**
 * Puts the stand-alone reader into the root of a backup target, unless it is there already, byte for byte.
 *
 * @throws BackupError STORE_FAILED, DISK_FULL
 */
export async function placeReader(store: ObjectStore, reader: Buffer): Promise<"placed" | "was there"> {
  const there = await store.stat(readerName);
  if (there?.bytes === reader.length && reader.equals(await readObject(store, readerName, limitBytes))) {
    return "was there";
  }
  await store.put(readerName, reader);
  return "placed";
}
