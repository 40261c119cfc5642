import { open } from "node:fs/promises";
import { join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import { checkRange, type RangeReader } from "@erlmcp/store";
import { isCode } from "./io.ts";

/**
 * Keeps one file open and reads ranges of it, several at a time if need be.
 * @throws BackupError CORRUPT: a pack that a manifest names is there or the restore point is damaged
 */
export async function openFileRanges(root: string, key: string): Promise<RangeReader> {
  const file = await openOrCorrupt(root, key);
  const { size } = await file.stat();
  return {
    size,
    async read(offset, bytes) {
      checkRange({ offset, bytes }, size, key);
      const buffer = Buffer.allocUnsafe(bytes);
      let filled = 0;
      while (filled < bytes) {
        const { bytesRead } = await file.read(buffer, filled, bytes - filled, offset + filled);
        if (bytesRead === 0) throw new BackupError("CORRUPT", `${key} became shorter while it was read`);
        filled += bytesRead;
      }
      return buffer;
    },
    close: () => file.close(),
  };
}

async function openOrCorrupt(root: string, key: string): ReturnType<typeof open> {
  try {
    return await open(join(root, key), "r");
  } catch (cause) {
    if (!isCode(cause, "ENOENT") && !isCode(cause, "ENOTDIR")) throw cause;
    throw new BackupError("CORRUPT", `${key} is missing`, { hint: "Restore it from a replica.", cause });
  }
}
