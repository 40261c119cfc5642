import { BackupError } from "@erlmcp/errors";
import { errorCode } from "@erlmcp/posix";

/** Why something of a tree is not in the backup, as the ledger says it. */
export interface Loss {
  verdict: "excluded" | "ephemeral" | "unreadable";
  reason: string;
}

const vanished = new Set(["ENOENT", "ESTALE"]);
/** Failures of this process or of the place that is written to, whatever file they were met with. */
const ours = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT", "EROFS", "EBADF"]);

/**
 * What an error with one file means for the ledger.
 * @throws the error itself when it is not about that file
 */
export function lossOf(error: unknown, kind = "file"): Loss {
  const code = errorCode(error);
  if (error instanceof BackupError || code === undefined || !/^E[A-Z0-9]+$/.test(code) || ours.has(code)) throw error;
  if (vanished.has(code)) return { verdict: "ephemeral", reason: "deleted while the tree was read" };
  const message = error instanceof Error ? error.message : code;
  return { verdict: "unreadable", reason: `${kind === "folder" ? "its contents cannot be read: " : ""}${message}` };
}
