import { z } from "zod";
import { ByteString } from "./byte-string.ts";

export const Component = z.enum(["ets", "dets", "mnesia", "postgres", "volumes", "config"]);
export type Component = z.infer<typeof Component>;

/** Which chunking parameters a stream gets: large files, or row streams where a small change must stay small. */
export type ContentKind = "file" | "table";

const nanoseconds = z.string().regex(/^-?\d{1,19}$/); // since the epoch, decimal; a JSON number would lose digits
const count = z.int().nonnegative();

/**
 * Stored bytes: `depth` 0 lists the chunks that hold them; at depth n the chunks hold, back to back, the
 * 36-byte records (32 bytes chunk ID, 4 bytes big-endian length) of the list at depth n-1.
 */
export const ContentRef = z.strictObject({
  bytes: count, // of the plaintext
  depth: z.int().min(0).max(6),
  chunks: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
});
export type ContentRef = z.infer<typeof ContentRef>;

const inTree = {
  path: ByteString, // relative to the root of the source, '/' between names, "" is the root itself
  mode: z.int().min(0).max(0o7777),
  uid: count,
  gid: count,
  mtime: nanoseconds,
  xattrs: z.record(z.string(), z.base64()).optional(), // POSIX ACLs are among them, as the kernel gives them
};

/** A regular file. `ctime`, `inode` only tell an incremental what has not changed. */
export const FileEntry = z.strictObject({
  kind: z.literal("file"),
  ...inTree,
  ctime: nanoseconds,
  inode: z.string(),
  size: count,
  sparse: z.array(z.tuple([count, count])).optional(), // [offset, length] of the data; content holds just these, back to back
  unstable: z.literal(true).optional(), // changed at every attempt to read it
  content: ContentRef,
});
export type FileEntry = z.infer<typeof FileEntry>;

/** A symbolic link (target as it stands) or a further name of a file (target: path of the first name, in the same source). */
export const LinkEntry = z.strictObject({ kind: z.enum(["symlink", "hardlink"]), ...inTree, target: ByteString });
export type LinkEntry = z.infer<typeof LinkEntry>;

/** What has no content: folders, fifos, devices (with their numbers). */
export const NodeEntry = z.strictObject({
  kind: z.enum(["folder", "fifo", "chardev", "blockdev"]),
  ...inTree,
  device: z.strictObject({ major: count, minor: count }).optional(),
});
export type NodeEntry = z.infer<typeof NodeEntry>;

/** An ETS, DETS or Mnesia table (or Mnesia's schema): facts as the node gave them, rows as a key-sorted stream of frames. */
export const TableEntry = z.strictObject({
  kind: z.literal("table"),
  path: ByteString,
  rows: count,
  facts: z.record(z.string(), z.json()),
  content: ContentRef,
});
export type TableEntry = z.infer<typeof TableEntry>;

/** A logical dump that another program wrote. */
export const DumpEntry = z.strictObject({
  kind: z.literal("dump"),
  path: ByteString,
  facts: z.record(z.string(), z.json()),
  content: ContentRef,
});
export type DumpEntry = z.infer<typeof DumpEntry>;

export const Entry = z.discriminatedUnion("kind", [FileEntry, LinkEntry, NodeEntry, TableEntry, DumpEntry]);
export type Entry = z.infer<typeof Entry>;
