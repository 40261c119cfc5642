import { createHash } from "node:crypto";
import type { CaptureSink, ContentRef, Entry, FileEntry } from "@erlmcp/entry";
import { pathOf, treeEntry, type TreeEntry } from "./attributes.ts";
import { captureConfig } from "./capture-config.ts";
import { compareFacts, difference, record, type TreeComparison, type TreeDifference } from "./compare-tree.ts";
import { selectorOf } from "./safe-path.ts";
import type { ReadContent } from "./write-file.ts";

export interface CompareConfigOptions {
  readonly entries: AsyncIterable<Entry>;
  readonly read: ReadContent;
  /** A tar of one file or folder in the container, as the engine gives it. */
  readonly archive: (path: string) => Promise<AsyncIterable<Uint8Array>>;
  readonly captured: readonly string[]; // absolute paths that were captured
  readonly paths?: readonly string[] | undefined; // only these, as archiveTree took them
  readonly source: string; // the container
  readonly signal: AbortSignal;
}

/**
 * Reads configuration files back from a container and compares names, kinds, sizes, owners, modes, times (to the second) and
 * contents with their entries. Other files that lie there count for nothing.
 */
export async function compareConfig(options: CompareConfigOptions): Promise<TreeComparison> {
  const found = new Map<string, TreeEntry>();
  const { archive, captured, source, signal } = options;
  await captureConfig({ archive, paths: captured, source, sink: hashingSink(found), signal });
  const isSelected = selectorOf(options.paths);
  const comparison: TreeComparison = { equal: 0, differences: [] };
  for await (const entry of options.entries) {
    const tree = treeEntry(entry);
    if (!isSelected(pathOf(tree))) continue;
    record(comparison, await compareOne(tree, found.get(pathOf(tree)), options.read));
  }
  return comparison;
}

async function compareOne(
  entry: TreeEntry,
  found: TreeEntry | undefined,
  read: ReadContent,
): Promise<TreeDifference[]> {
  const size = found?.kind === "file" ? found.size : 0;
  const facts = found && { ...found, size, mtime: toSecond(found.mtime) };
  const differences = compareFacts({ ...entry, mtime: String(toSecond(entry.mtime)) }, facts);
  if (differences.length > 0 || found === undefined) return differences;
  const [expected, is] = [await told(entry, read), told(found, undefined)];
  const content = await is;
  return expected === content ? [] : [difference(pathOf(entry), "content", { expected, found: content })];
}

function toSecond(mtime: string): bigint {
  return BigInt(mtime) / 1_000_000_000n;
}

/** What an entry has besides its facts: SHA-256 of a file, the target of a link. */
async function told(entry: TreeEntry, read: ReadContent | undefined): Promise<string> {
  if (entry.kind === "symlink" || entry.kind === "hardlink") return JSON.stringify(entry.target);
  if (entry.kind !== "file") return "";
  return read === undefined ? (entry.content.chunks[0] ?? "") : hashOf(read(entry.content));
}

async function hashOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

/** Takes entries with the SHA-256 of their contents in a chunk's place. */
function hashingSink(found: Map<string, TreeEntry>): CaptureSink {
  return {
    async stream(bytes): Promise<ContentRef> {
      let size = 0;
      const hash = createHash("sha256");
      for await (const piece of bytes) {
        hash.update(piece);
        size += piece.length;
      }
      return { bytes: size, depth: 0, chunks: [hash.digest("hex")] } satisfies FileEntry["content"];
    },
    async entry(entry) {
      const tree = treeEntry(entry);
      found.set(pathOf(tree), tree);
    },
    ledger: () => undefined, // of what could not be kept; the restore point has its own
    reuse: async () => false,
  };
}
