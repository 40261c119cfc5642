import type { Entry } from "@erlmcp/entry";
import type { ReadContent } from "./write-file.ts";

export interface UnpackTreeOptions {
  readonly entries: AsyncIterable<Entry>; // in the order of the entry stream
  readonly read: ReadContent;
  readonly target: string; // an existing folder
  /** `fresh`: whatever is in the way is an error. `in-place`: it is changed into what was captured. */
  readonly mode: "fresh" | "in-place";
  /** Only these files and folders with all that is in them, relative to the root; everything when undefined. */
  readonly paths?: readonly string[] | undefined;
  /**
   * In place, what becomes of names that the restore point does not have. By default they go from a whole tree, and stay
   * beside `paths`. `remove` with `paths` makes them what they were even if they were not: what is there then goes.
   */
  readonly others?: "remove" | "leave" | undefined;
  /** Tells our temporary files from all others; the same in every run that is to finish what another has begun. */
  readonly tag?: string | undefined;
  readonly signal: AbortSignal;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** What was done, in files, folders and everything else; `bytes` were written. */
export interface Unpacked {
  created: number;
  replaced: number;
  adjusted: number; // only owner, mode, time or attributes
  kept: number; // right already
  unread: number; // of those, files whose size, times and inode say that nobody has written to them since
  deleted: number; // was there and is not in the restore point
  bytes: number;
}
