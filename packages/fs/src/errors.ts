import { BackupError } from "@erlmcp/errors";
import { freeBytesAt, isCode } from "./io.ts";

/** Runs what writes below `root`, and says in an operator's words when the disk is full or not writable. */
export async function guarded<T>(root: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw await explained(root, error);
  }
}

async function explained(root: string, error: unknown): Promise<unknown> {
  if (isCode(error, "ENOSPC") || isCode(error, "EDQUOT")) {
    const free = await freeBytesAt(root);
    const what = isCode(error, "EDQUOT") ? "the quota is used up" : "no space is left";
    return new BackupError("DISK_FULL", `${what} in ${root}: ${free} bytes are free`, {
      hint: "Make room or run `retention apply`; nothing that was there has been touched.",
      cause: error,
    });
  }
  if (isCode(error, "EACCES") || isCode(error, "EPERM") || isCode(error, "EROFS")) {
    return new BackupError("CONFIG_INVALID", `${root} cannot be written: ${messageOf(error)}`, {
      hint: "BACKUP_ROOT must be a volume that is mounted for writing and belongs to the user of the job.",
      cause: error,
    });
  }
  return error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @throws BackupError DISK_FULL unless `bytes` more can be written below `root` */
export async function requireFreeBytes(root: string, bytes: number): Promise<void> {
  const free = await freeBytesAt(root);
  if (free >= bytes) return;
  throw new BackupError("DISK_FULL", `${root} has ${free} bytes free, about ${bytes} are needed`, {
    hint: "Make room or run `retention apply`; nothing has been written.",
  });
}
