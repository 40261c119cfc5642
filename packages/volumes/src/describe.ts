import { type FileEntry, type FileResult, type LinkEntry, nameOf, type NodeEntry } from "@erlmcp/entry";
import { type ByteName, type FileFacts, listXattrsAt, readLinkAt, statAt } from "@erlmcp/posix";
import { type Loss, lossOf } from "./loss.ts";
import { entryPath } from "./names.ts";
import type { Outcome } from "./outcome.ts";
import type { Found } from "./walk.ts";

/** Extended attributes as an entry has them; a loss when there are some that cannot be read. */
export interface Xattrs {
  values: Record<string, string> | undefined;
  loss?: Loss;
}

const noXattrs: Xattrs = { values: undefined };

export function xattrsOf({ folder, name }: Found): Xattrs {
  try {
    const found = listXattrsAt(folder.fd, name);
    if (found.size === 0) return noXattrs;
    return { values: Object.fromEntries([...found].map(([key, value]) => [key, value.toString("base64")])) };
  } catch (error) {
    const loss = lossOf(error);
    if (loss.verdict === "ephemeral") throw error; // the thing itself is gone
    return { values: undefined, loss: missing(loss) };
  }
}

function xattrsIn({ xattrs }: FileResult): Xattrs {
  if ("values" in xattrs) return xattrs;
  const { code, message } = xattrs.failure;
  const { reason } = lossOf(Object.assign(new Error(message), { code }));
  return { values: undefined, loss: missing({ verdict: "unreadable", reason }) }; // the file is here, whatever the error
}

function missing({ verdict, reason }: Loss): Loss {
  return { verdict, reason: `its extended attributes are missing: ${reason}` };
}

type InTree = Pick<NodeEntry, "path" | "mode" | "uid" | "gid" | "mtime" | "xattrs">;

function inTree(path: ByteName, facts: Pick<FileFacts, "mode" | "uid" | "gid" | "mtime">, { values }: Xattrs): InTree {
  const entry: InTree = {
    path: entryPath(path),
    mode: facts.mode,
    uid: facts.uid,
    gid: facts.gid,
    mtime: facts.mtime.toString(),
  };
  if (values !== undefined) entry.xattrs = values;
  return entry;
}

function outcome(path: ByteName, entry: FileEntry | LinkEntry | NodeEntry, { loss }: Xattrs): Outcome {
  return loss === undefined ? { path, entry } : { path, entry, loss };
}

function nodeEntry(found: Found, xattrs: Xattrs): LinkEntry | NodeEntry {
  const { facts, path } = found;
  switch (facts.kind) {
    case "chardev":
    case "blockdev":
      return { kind: facts.kind, ...inTree(path, facts, xattrs), device: facts.number };
    case "symlink": {
      const target = nameOf(readLinkAt(found.folder.fd, found.name));
      return { kind: "symlink", ...inTree(path, facts, xattrs), target };
    }
    case "folder":
    case "fifo":
      return { kind: facts.kind, ...inTree(path, facts, xattrs) };
    case "file":
    case "socket":
      break;
  }
  throw new Error(`${facts.kind} is not for here`);
}

/** What becomes of a thing without content, at once. */
export function describeNode(found: Found): Outcome {
  const { path, facts } = found;
  if (facts.kind === "socket") {
    const reason = "a socket is worth nothing without the process that listens on it";
    return { path, loss: { verdict: "excluded", reason } };
  }
  try {
    const xattrs = xattrsOf(found);
    return outcome(path, nodeEntry(found, xattrs), xattrs);
  } catch (error) {
    return { path, loss: lossOf(error) };
  }
}

/** A regular file that has been read: facts of the open file, not of what was at its name before. */
export function describeFile({ path }: Found, result: FileResult): Outcome {
  const xattrs = xattrsIn(result);
  const entry: FileEntry = {
    kind: "file",
    ...inTree(path, result, xattrs),
    ctime: result.ctime.toString(),
    inode: result.inode.toString(),
    size: result.size,
    content: result.content,
  };
  if (result.sparse !== undefined) entry.sparse = result.sparse;
  if (result.unstable) entry.unstable = true;
  return outcome(path, entry, xattrs);
}

/** A further name of what was captured under the name `first`. */
export function describeFurtherName({ path, facts }: Found, first: ByteName): Outcome {
  const entry: LinkEntry = { kind: "hardlink", ...inTree(path, facts, noXattrs), target: entryPath(first) };
  return { path, entry };
}

/** What was a regular file when the walk saw it and is none any more. */
export function describeAgain(found: Found): Outcome {
  try {
    const facts = statAt(found.folder.fd, found.name);
    if (facts.kind !== "file" && facts.kind !== "folder") return describeNode({ ...found, facts });
    const reason = "replaced again and again while the tree was read";
    return { path: found.path, loss: { verdict: "unreadable", reason } };
  } catch (error) {
    return { path: found.path, loss: lossOf(error) };
  }
}
