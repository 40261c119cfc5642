import { createHash } from "node:crypto";
import type { Component, ContentKind, ContentRef, Entry, LedgerLine } from "@erlmcp/entry";

/** Bytes that look random and are the same each time for the same seed. */
export function noise(bytes: number, seed: string): Buffer {
  return createHash("shake256", { outputLength: bytes }).update(seed).digest();
}

/** One line of the entry stream before its content is stored. Members may be anything: what is hostile is made of this too. */
export interface SampleItem {
  readonly entry: Readonly<Record<string, unknown>> & { readonly path: Entry["path"] };
  readonly content?: readonly Uint8Array[];
  readonly as?: ContentKind; // `table` when undefined
  /** What the entry says of the content that was stored. */
  readonly refer?: (stored: ContentRef) => unknown;
}

export interface SampleSource {
  readonly component: Component;
  readonly name: string;
  readonly items: readonly SampleItem[];
  readonly ledger: readonly LedgerLine[];
}

const inTree = { mode: 0o644, uid: 0, gid: 0, mtime: "1770033600000000000" };

export function folder(path: Entry["path"], more: Readonly<Record<string, unknown>> = {}): SampleItem {
  return { entry: { kind: "folder", path, ...inTree, mode: 0o755, ...more } };
}

export function file(path: Entry["path"], bytes: Uint8Array, more: Readonly<Record<string, unknown>> = {}): SampleItem {
  const facts = { ctime: inTree.mtime, inode: "1", size: bytes.length };
  return { entry: { kind: "file", path, ...inTree, ...facts, ...more }, content: [bytes], as: "file" };
}

export function link(kind: "symlink" | "hardlink", path: Entry["path"], target: Entry["path"]): SampleItem {
  return { entry: { kind, path, ...inTree, target } };
}

/** A table whose rows are these external terms. */
export function table(
  path: Entry["path"],
  rows: readonly Uint8Array[],
  facts: Readonly<Record<string, unknown>> = {},
): SampleItem {
  return { entry: { kind: "table", path, rows: rows.length, facts }, content: rows.map(frame) };
}

export function dump(
  path: Entry["path"],
  bytes: Uint8Array,
  facts: Readonly<Record<string, unknown>> = {},
): SampleItem {
  return { entry: { kind: "dump", path, facts }, content: [bytes] };
}

/** A row as it is stored: its length, then the term. */
export function frame(term: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(term.length);
  return Buffer.concat([length, term]);
}

/** A source with the ledger lines that its items deserve. */
export function source(component: Component, name: string, items: readonly SampleItem[]): SampleSource {
  const bytes = items.reduce((sum, item) => sum + bytesIn(item), 0);
  const common = { component, source: name, verdict: "captured", grade: "point-in-time" } as const;
  if (component === "volumes" || component === "config") {
    const files = items.filter(({ entry }) => entry["kind"] === "file").length;
    return { component, name, items, ledger: [{ ...common, name: ".", rows: files, bytes }] };
  }
  const ledger = items.map((item) => ({
    ...common,
    name: typeof item.entry.path === "string" ? item.entry.path : "?",
    ...(typeof item.entry["rows"] === "number" ? { rows: item.entry["rows"] } : {}),
    bytes: bytesIn(item),
  }));
  return { component, name, items, ledger };
}

function bytesIn({ content = [] }: SampleItem): number {
  return content.reduce((sum, piece) => sum + piece.length, 0);
}
