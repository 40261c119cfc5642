import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import type { Entry } from "@erlmcp/entry";
import { type ByteName, errorCode } from "@erlmcp/posix";
import { pathOf, treeEntry, type TreeEntry } from "./attributes.ts";
import { displayPath } from "./names.ts";
import { selectorOf, namesOf } from "./safe-path.ts";

/** One thing about a path that is otherwise than the restore point has it. */
export interface TreeDifference {
  readonly path: string;
  readonly what: string; // kind, size, owner, mode, time, content …
  readonly expected: string;
  readonly found: string;
}

/** What comparing a tree with the restore point gave. */
export interface TreeComparison {
  equal: number; // files, folders and everything else that is as it should be
  differences: TreeDifference[];
}

/** What is known of a path without reading it. */
export interface FoundFacts {
  readonly kind: string;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly mtime: bigint;
}

export interface CompareTreeOptions {
  readonly entries: AsyncIterable<Entry>;
  readonly target: string; // a folder
  readonly paths?: readonly string[] | undefined; // only these, as unpackTree took them
  readonly signal: AbortSignal;
}

/**
 * Compares names, kinds, sizes, owners, modes, times and link targets of an unpacked tree with its entries, and, when it is
 * the whole tree, that there is no other name in it. Contents are not read: unpackTree checks them as it writes.
 */
export async function compareTree({ entries, target, paths, signal }: CompareTreeOptions): Promise<TreeComparison> {
  const comparison: TreeComparison = { equal: 0, differences: [] };
  const isSelected = selectorOf(paths);
  let names = 0;
  for await (const entry of entries) {
    signal.throwIfAborted();
    const tree = treeEntry(entry);
    const path = namesOf(tree.path).join("/");
    names += path === "" ? 0 : 1;
    if (isSelected(path)) record(comparison, compareOne(target, tree));
  }
  if (paths !== undefined) return comparison;
  const there = countNames(target);
  if (there !== names) comparison.differences.push(difference("", "names", { expected: names, found: there }));
  return comparison;
}

export function record(comparison: TreeComparison, differences: readonly TreeDifference[]): void {
  if (differences.length === 0) comparison.equal += 1;
  comparison.differences.push(...differences);
}

export function difference(
  path: ByteName,
  what: string,
  { expected, found }: { expected: unknown; found: unknown },
): TreeDifference {
  return { path: displayPath(path), what, expected: String(expected), found: String(found) };
}

function compareOne(target: string, entry: TreeEntry): TreeDifference[] {
  const facts = factsOf(target, pathOf(entry));
  if (entry.kind !== "hardlink") return compareFacts(entry, facts && foundOf(facts));
  const first = factsOf(target, namesOf(entry.target).join("/"));
  const same = facts !== undefined && facts.ino === first?.ino;
  return same ? [] : [difference(pathOf(entry), "file", { expected: "that of its other name", found: "another" })];
}

/** How something is otherwise than its entry; undefined: it is not there. */
export function compareFacts(entry: TreeEntry, found: FoundFacts | undefined): TreeDifference[] {
  const path = pathOf(entry);
  if (found?.kind !== entry.kind) {
    return [difference(path, "kind", { expected: entry.kind, found: found?.kind ?? "nothing" })];
  }
  const pairs: [string, string | number | bigint, string | number | bigint][] = [
    ["owner", `${entry.uid}:${entry.gid}`, `${found.uid}:${found.gid}`],
    ["time", BigInt(entry.mtime), found.mtime],
  ];
  if (entry.kind !== "symlink") pairs.push(["mode", entry.mode.toString(8), found.mode.toString(8)]);
  if (entry.kind === "file") pairs.push(["size", entry.size, found.size]);
  return pairs.flatMap(([what, expected, is]) =>
    expected === is ? [] : [difference(path, what, { expected, found: is })],
  );
}

function factsOf(target: string, path: ByteName): BigIntStats | undefined {
  try {
    return lstatSync(Buffer.concat([Buffer.from(`${target}/`), Buffer.from(path, "latin1")]), { bigint: true });
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw error;
  }
}

function foundOf(facts: BigIntStats): FoundFacts {
  const { size, uid, gid, mode, mtimeNs } = facts;
  const [of, as] = [Number(mode) & 0o170000, Number(mode) & 0o7777];
  return {
    kind: kinds[of] ?? "something else",
    size: Number(size),
    uid: Number(uid),
    gid: Number(gid),
    mode: as,
    mtime: mtimeNs,
  };
}

const kinds: Record<number, string> = {
  0o100000: "file",
  0o040000: "folder",
  0o120000: "symlink",
  0o010000: "fifo",
  0o020000: "chardev",
  0o060000: "blockdev",
  0o140000: "socket",
};

/** All names below a folder. */
function countNames(folder: string | Buffer): number {
  const path = typeof folder === "string" ? Buffer.from(folder) : folder;
  let count = 0;
  for (const one of readdirSync(path, { encoding: "buffer", withFileTypes: true })) {
    count += 1;
    if (one.isDirectory()) count += countNames(Buffer.concat([path, Buffer.from("/"), one.name]));
  }
  return count;
}
