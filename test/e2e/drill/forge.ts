import { join } from "node:path";
import type { Component, Entry, LedgerLine } from "@erlmcp/entry";
import { createFsStore, modesFor, realIo } from "@erlmcp/fs";
import {
  createEntryEncoder,
  createLedgerSummary,
  createReceipt,
  encodeLine,
  formatChecksums,
  serializeManifest,
  serializeReceipt,
  sha256Hex,
  type Manifest,
  type ManifestSource,
} from "@erlmcp/manifest";
import { createPackWriter, type PackResult, type PackWriter } from "@erlmcp/pack";
import type { RestorePoint } from "@erlmcp/restore-point";
import type { ObjectStore } from "@erlmcp/store";
import { storedReceipt } from "../support/job.ts";
import { contentOf, openCopy } from "../support/restore-point.ts";

/** What a forgery changes. Whatever it leaves as it is stays so; the whole is as consistent as a true restore point. */
export interface Forgery {
  readonly components: readonly Component[]; // those that are in it
  /** Undefined: the entry is left out, with its line in the ledger. */
  readonly change: (
    source: ManifestSource,
    entry: Entry,
    content: Buffer,
  ) => { entry: Entry; content?: Buffer } | undefined;
}

/** Makes restore point `forged` of a plain one in a copy of a repository. @returns its folder */
export async function forge(
  repository: string,
  { id, forged }: { id: string; forged: string },
  forgery: Forgery,
): Promise<string> {
  const store = createFsStore({ root: repository, modes: modesFor(undefined), io: realIo });
  const point = await openCopy(repository, id, undefined);
  const objects = new Map<string, Buffer[]>();
  const writer = openWriter(point, objects);
  try {
    const gone = new Set<string>();
    const changed = new Map<string, Pick<LedgerLine, "rows" | "bytes">>();
    const sources: ManifestSource[] = [];
    for (const source of point.manifest.contents.sources) {
      if (!forgery.components.includes(source.component)) continue;
      sources.push(await rewrite({ point, writer, gone, changed }, source, forgery));
    }
    const lines: LedgerLine[] = [];
    for await (const line of point.ledger()) {
      const key = `${line.source} ${line.name}`;
      if (!forgery.components.includes(line.component) || gone.has(key)) continue;
      lines.push({ ...line, ...changed.get(key) });
    }
    const ledger = await writer.stream(once(...lines.map((line) => encodeLine(line))), "table");
    const result = await writer.finish();
    for (const [name, parts] of objects) await store.put(`${forged}/${name}`, Buffer.concat(parts));
    const contents = { sources, ledger, ledger_lines: lines.length };
    await describe(store, { repository, point, forged, result, contents, lines });
  } finally {
    await writer.close();
    await point.close();
  }
  return join(repository, forged);
}

function openWriter({ manifest }: RestorePoint, objects: Map<string, Buffer[]>): PackWriter {
  return createPackWriter({
    target: {
      async create(name) {
        const parts: Buffer[] = [];
        objects.set(name, parts);
        return {
          write: async (bytes) => {
            parts.push(Buffer.from(bytes));
          },
          close: async () => undefined,
        };
      },
    },
    secret: undefined,
    cipher: "aes-256-gcm",
    level: 1,
    chunking: manifest.head.chunking,
    base: undefined,
    threads: 0,
    signal: new AbortController().signal,
  });
}

interface Rewriting {
  readonly point: RestorePoint;
  readonly writer: PackWriter;
  readonly gone: Set<string>;
  readonly changed: Map<string, Pick<LedgerLine, "rows" | "bytes">>;
}

async function rewrite(
  { point, writer, gone, changed }: Rewriting,
  source: ManifestSource,
  { change }: Forgery,
): Promise<ManifestSource> {
  const encode = createEntryEncoder();
  const lines: Uint8Array[] = [];
  const counts = { entry_count: 0, rows: 0, bytes: 0 };
  for await (const entry of point.entries(source)) {
    const content = "content" in entry ? await contentOf(point, entry) : Buffer.alloc(0);
    const made = change(source, entry, content);
    if (made === undefined) gone.add(`${source.name} ${nameIn(entry)}`);
    if (made === undefined) continue;
    const stored = await writer.stream(once(made.content ?? content), "table");
    const written = "content" in made.entry ? { ...made.entry, content: stored } : made.entry;
    lines.push(encode(written));
    counts.entry_count += 1;
    const rows = rowsOf(written);
    counts.rows += written.kind === "table" ? rows : 0;
    counts.bytes += "content" in written ? stored.bytes : 0;
    if (rows !== rowsOf(entry) || made.content !== undefined) {
      changed.set(`${source.name} ${nameIn(entry)}`, { rows, bytes: stored.bytes });
    }
  }
  return { ...source, ...counts, entries: await writer.stream(once(...lines), "table") };
}

/** What the ledger calls it. */
function nameIn(entry: Entry): string {
  const path = typeof entry.path === "string" ? entry.path : "";
  if (entry.kind === "dump" && typeof entry.facts["name"] === "string") return entry.facts["name"];
  return path.replace(/^tables\//, "");
}

function rowsOf(entry: Entry): number {
  if (entry.kind === "table") return entry.rows;
  const tables = entry.kind === "dump" ? entry.facts["tables"] : [];
  if (!Array.isArray(tables)) return 0;
  return tables.reduce<number>((sum, table) => sum + rowsIn(table), 0);
}

function rowsIn(table: unknown): number {
  return typeof table === "object" && table !== null && "rows" in table && typeof table.rows === "number"
    ? table.rows
    : 0;
}

interface Described {
  readonly repository: string;
  readonly point: RestorePoint;
  readonly forged: string;
  readonly result: PackResult;
  readonly contents: Omit<Manifest["contents"], "grade">;
  readonly lines: readonly LedgerLine[];
}

async function describe(
  store: ObjectStore,
  { repository, point, forged, result, contents, lines }: Described,
): Promise<void> {
  const summary = createLedgerSummary();
  for (const line of lines) summary.add(line);
  const { grade, components, grades, ledger, complete } = summary.result();
  const index = { name: "chunks.idx" as const, bytes: result.index.bytes, sha256: result.index.sha256 };
  const head = {
    ...point.manifest.head,
    id: forged,
    complete,
    sizes: {
      source_bytes: contents.sources.reduce((sum, { bytes }) => sum + bytes, 0),
      new_bytes: result.stats.newBytes,
      stored_bytes: result.packs.reduce((sum, { bytes }) => sum + bytes, index.bytes),
    },
    packs: result.packs.map(({ name, bytes, sha256 }) => ({ name: name.slice("packs/".length), bytes, sha256 })),
    index,
  };
  const manifest = serializeManifest({ head, contents: { ...contents, grade } }, undefined);
  const checksums = Buffer.from(
    formatChecksums([
      ...result.packs.map(({ name, sha256 }) => ({ name, sha256 })),
      { name: index.name, sha256: index.sha256 },
      { name: "manifest.json", sha256: sha256Hex(manifest) },
    ]),
  );
  const {
    proof: _proof,
    receipt_version: _version,
    ...original
  } = await storedReceipt(repository, point.manifest.head.id);
  const receipt = createReceipt({
    ...original,
    backup_id: forged,
    backup_path: forged,
    checksum_hash: sha256Hex(checksums),
    complete,
    sizes: head.sizes,
    components,
    ledger,
    grades,
    grade,
  });
  await store.put(`${forged}/manifest.json`, manifest);
  await store.put(`${forged}/checksums.sha256`, checksums);
  await store.put(`${forged}/receipt.json`, serializeReceipt(receipt));
}

async function* once(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield part;
}
