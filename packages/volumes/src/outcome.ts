import type { Entry, LedgerLine } from "@erlmcp/entry";
import type { ByteName } from "@erlmcp/posix";
import type { Loss } from "./loss.ts";
import { displayPath } from "./names.ts";

/** What became of one path: an entry, or a loss, or an entry that lacks something. */
export interface Outcome {
  path: ByteName;
  entry?: Entry;
  loss?: Loss;
  reused?: true; // its content is the base's and was not read
}

/** How a tree was read. */
export interface TreeCounts {
  files: number;
  folders: number;
  symlinks: number;
  hardlinks: number;
  others: number; // fifos and devices
  bytes: number; // of files, as they count; holes included
  reusedFiles: number;
  reusedBytes: number;
  unstable: number;
  unreadable: number;
  vanished: number;
  excluded: number;
}

export function noCounts(): TreeCounts {
  return {
    files: 0,
    folders: 0,
    symlinks: 0,
    hardlinks: 0,
    others: 0,
    bytes: 0,
    reusedFiles: 0,
    reusedBytes: 0,
    unstable: 0,
    unreadable: 0,
    vanished: 0,
    excluded: 0,
  };
}

const lossCounts = { unreadable: "unreadable", ephemeral: "vanished", excluded: "excluded" } as const;

export function count(counts: TreeCounts, { entry, loss, reused }: Outcome): void {
  if (loss !== undefined) counts[lossCounts[loss.verdict]] += 1;
  if (entry === undefined) return;
  switch (entry.kind) {
    case "file":
      counts.files += 1;
      counts.bytes += entry.size;
      if (entry.unstable === true) counts.unstable += 1;
      if (reused === true) {
        counts.reusedFiles += 1;
        counts.reusedBytes += entry.size;
      }
      break;
    case "folder":
      counts.folders += 1;
      break;
    case "symlink":
      counts.symlinks += 1;
      break;
    case "hardlink":
      counts.hardlinks += 1;
      break;
    case "fifo":
    case "chardev":
    case "blockdev":
    case "table":
    case "dump":
      counts.others += 1;
  }
}

/** The ledger's line for what was not captured plainly; undefined for what was. */
export function lineOf(outcome: Outcome, source: Pick<LedgerLine, "component" | "source">): LedgerLine | undefined {
  const { path, entry, loss } = outcome;
  if (loss !== undefined) return { ...source, name: displayPath(path), ...loss };
  if (entry?.kind !== "file" || entry.unstable !== true) return undefined;
  const notes = ["it changed during every attempt to read it"];
  return { ...source, name: displayPath(path), verdict: "captured", grade: "fuzzy", bytes: entry.size, notes };
}
