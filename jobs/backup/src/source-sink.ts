import type { Component, ContentRef, Entry, FileSink, LedgerLine } from "@erlmcp/entry";
import { weakestGrade } from "@erlmcp/entry";
import { createEntryEncoder, type ManifestSource } from "@erlmcp/manifest";
import { z } from "zod";
import { createChannel } from "./channel.ts";

const FactsJson = z.record(z.string(), z.json());

/** What a pack writer offers to the sources. */
export type Storage = Pick<FileSink, "stream" | "file" | "reuse">;

export interface SourceSinkOptions {
  readonly component: Component;
  readonly name: string;
  readonly storage: Storage;
  readonly now: () => Date;
}

/** One source's sink: its entries become a stream of their own while they come in. */
export interface SourceSink extends FileSink {
  readonly component: Component;
  readonly name: string;
  /** The ledger so far. It counts once the source is finished: of a failed one nothing is in the restore point. */
  readonly lines: readonly LedgerLine[];
  /** Ends the entry stream. @returns the source as the manifest lists it */
  finish(facts: Record<string, unknown>): Promise<ManifestSource>;
  /** Gives the entry stream up; nothing of it is referenced. */
  fail(error: unknown): Promise<void>;
  /** When the first and the last entry were handed over; undefined before there is one. */
  readonly captured: { first: Date; last: Date } | undefined;
}

export function createSourceSink(options: SourceSinkOptions): SourceSink {
  const { storage, component, name } = options;
  const encode = createEntryEncoder();
  const lines = createChannel<Uint8Array>();
  const stored = storage.stream(lines.output, "table");
  stored.catch(() => undefined); // told to whoever awaits finish, or known already to whoever called fail
  const ledger: LedgerLine[] = [];
  const totals = { entries: 0, rows: 0, bytes: 0 };
  let captured: { first: Date; last: Date } | undefined;

  async function entry(item: Entry): Promise<void> {
    const at = options.now();
    captured = { first: captured?.first ?? at, last: at };
    totals.entries += 1;
    if ("content" in item) totals.bytes += item.content.bytes;
    if (item.kind === "table") totals.rows += item.rows;
    await lines.push(encode(item));
  }

  return {
    component,
    name,
    lines: ledger,
    stream: (bytes, kind) => storage.stream(bytes, kind),
    file: (request) => storage.file(request),
    reuse: (content: ContentRef) => storage.reuse(content),
    entry,
    ledger: (line) => ledger.push(line),
    async finish(facts) {
      lines.end();
      return {
        component,
        name,
        facts: jsonOf(facts),
        entries: await stored,
        entry_count: totals.entries,
        rows: totals.rows,
        bytes: totals.bytes,
        grade: weakestGrade(ledger.flatMap(({ grade }) => grade ?? [])) ?? null,
      };
    },
    async fail(reason) {
      lines.fail(reason);
      await Promise.allSettled([stored]); // it fails with this same error
    },
    get captured() {
      return captured;
    },
  };
}

/** Facts come from outside and may hold what JSON does not: undefined is left out, big integers become text. */
function jsonOf(facts: Record<string, unknown>): ManifestSource["facts"] {
  const text = JSON.stringify(facts, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
  return FactsJson.parse(JSON.parse(text));
}
