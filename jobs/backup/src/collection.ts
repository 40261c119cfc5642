import type { Component, LedgerLine } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { JobContext } from "@erlmcp/job";
import type { ManifestSource } from "@erlmcp/manifest";
import { createSourceSink, type SourceSink, type Storage } from "./source-sink.ts";

/** What the sources gave, in the order in which the manifest lists it. */
export interface Capture {
  readonly sources: readonly ManifestSource[];
  readonly ledger: readonly LedgerLine[];
  readonly span: { first: Date; last: Date } | undefined; // of all captures
}

/** Gathers what sources give, and decides what the failure of one means. */
export interface Collection {
  /** A sink for a source; ended by `finish` or `fail`. */
  open(component: Component, name: string): SourceSink;
  finish(sink: SourceSink, facts: Record<string, unknown>): Promise<void>;
  /** Drops a source whole. @throws the error itself when it is ours and not the source's */
  fail(sink: SourceSink, error: unknown): Promise<void>;
  /** open, work, then finish or fail. */
  attempt(
    component: Component,
    name: string,
    work: (sink: SourceSink) => Promise<Record<string, unknown>>,
  ): Promise<void>;
  failed(name: string, components: readonly Component[], reason: string): void;
  ledger(line: LedgerLine): void;
  result(): Capture;
}

/** Failures of ours, not of a source: going on would only fail again. */
const ours = new Set(["DISK_FULL", "STORE_FAILED", "INTERRUPTED", "TERMINATED", "CORRUPT", "ENGINE_UNREACHABLE"]);

export function createCollection(context: JobContext, storage: Storage): Collection {
  const sources: ManifestSource[] = [];
  const lines: LedgerLine[] = [];
  let span: Capture["span"];

  function open(component: Component, name: string): SourceSink {
    return createSourceSink({ component, name, storage, now: context.now });
  }

  async function finish(sink: SourceSink, facts: Record<string, unknown>): Promise<void> {
    sources.push(await sink.finish(facts));
    for (const line of sink.lines) lines.push(line);
    const { captured } = sink;
    if (captured === undefined) return;
    const { first, last } = span ?? captured;
    span = {
      first: captured.first < first ? captured.first : first,
      last: captured.last > last ? captured.last : last,
    };
  }

  function failed(name: string, components: readonly Component[], reason: string): void {
    for (const component of components) lines.push({ component, source: name, name, verdict: "failed", reason });
    context.log.error({ source: name, components, reason }, "could not be captured");
  }

  async function fail(sink: SourceSink, error: unknown): Promise<void> {
    await sink.fail(error);
    const own = context.signal.aborted || (error instanceof BackupError && ours.has(error.code));
    if (own) throw context.signal.aborted ? context.signal.reason : error;
    failed(sink.name, [sink.component], error instanceof Error ? error.message : String(error));
  }

  return {
    open,
    finish,
    fail,
    failed,
    async attempt(component, name, work) {
      const sink = open(component, name);
      const begun = context.monotonicMs();
      try {
        await finish(sink, await work(sink));
        const seconds = Math.round((context.monotonicMs() - begun) / 10) / 100;
        context.log.info({ component, source: name, seconds }, "captured");
      } catch (error) {
        await fail(sink, error);
      }
    },
    ledger: (line) => lines.push(line),
    result: () => ({ sources: sources.toSorted(byComponentAndName), ledger: lines, span }),
  };
}

function byComponentAndName(a: ManifestSource, b: ManifestSource): number {
  const [left, right] = [`${a.component} ${a.name}`, `${b.component} ${b.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
