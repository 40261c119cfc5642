import {
  type CaptureSink,
  compareByteStrings,
  type Component,
  type Grade,
  type LedgerLine,
  type TableEntry,
} from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { Term } from "./etf.ts";
import type { MergeStats } from "./merge.ts";
import type { TablePlan } from "./plan.ts";
import type { RowOrder } from "./row-order.ts";
import { RowSorter, type RunPool } from "./row-sorter.ts";
import { RequestError, type Session } from "./session.ts";
import type { Spill } from "./spill.ts";

/** What capturing the tables of one component of one node needs, and where it notes what became of them. */
export interface Capture {
  component: Component;
  source: string; // the node, as the ledger names it
  sink: CaptureSink;
  pool: RunPool;
  spill: Spill;
  entries: TableEntry[]; // given to the sink in the order of their paths, at the end
}

type Facts = TableEntry["facts"];

/** The sink or the spill failed, not the node: nothing more can be captured. `cause` is what they threw. */
export class StoreFailure extends Error {
  override readonly name = "StoreFailure";
}

async function stored<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new StoreFailure("rows could not be stored", { cause: error });
  }
}

/** Sorts what came, stores it, and adds the entry. */
export async function storeRows(
  capture: Capture,
  table: { path: string; facts: Facts; sorter: RowSorter },
): Promise<MergeStats> {
  const content = await stored(capture.sink.stream(table.sorter.rows(), "table"));
  const { stats } = table.sorter;
  if (content.bytes !== stats.bytes) {
    const what = `of ${stats.bytes} bytes of table ${table.path} ${content.bytes} were stored`;
    throw new StoreFailure(what, { cause: new BackupError("STORE_FAILED", what) });
  }
  capture.entries.push({ kind: "table", path: table.path, rows: stats.rows, facts: table.facts, content });
  return stats;
}

/** A request whose answer is one stream of rows. */
export async function captureStream(
  capture: Capture,
  session: Session,
  options: {
    op: string;
    args: Record<string, Term>;
    path: string;
    order: (facts: Facts) => RowOrder;
    facts: (facts: Facts) => Facts;
  },
): Promise<{ reply: Facts; stats: MergeStats }> {
  let sorter: RowSorter | undefined;
  let stats: MergeStats | undefined;
  let begun: Facts = {};
  try {
    const reply = await session.request(options.op, options.args, {
      begin(facts) {
        begun = facts;
        sorter = new RowSorter(options.order(facts), capture);
        return sorter;
      },
      end: () => Promise.resolve(),
    });
    if (sorter === undefined) throw new BackupError("FAILED", `the node sent no rows for ${options.path}`);
    stats = await storeRows(capture, { path: options.path, facts: options.facts(begun), sorter });
    return { reply, stats };
  } finally {
    await sorter?.release();
  }
}

export function ledgerSkip(capture: Capture, plan: Extract<TablePlan<never>, { action: "skip" }>): void {
  const { name, verdict, reason, rows, bytes } = plan;
  capture.sink.ledger({
    component: capture.component,
    source: capture.source,
    name,
    verdict,
    reason,
    ...(rows === undefined ? {} : { rows }),
    ...(bytes === undefined ? {} : { bytes }),
  });
}

export function ledgerCaptured(
  capture: Capture,
  line: { name: string; grade: Grade; stats: MergeStats; notes: string[] },
): void {
  const notes = [...line.notes, ...deadNotes(line.stats)];
  capture.sink.ledger({
    component: capture.component,
    source: capture.source,
    name: line.name,
    verdict: "captured",
    grade: line.grade,
    rows: line.stats.rows,
    bytes: line.stats.bytes,
    ...(notes.length === 0 ? {} : { notes }),
  });
}

/** What one table's failure means; anything that is not just that table's is thrown on. */
export function ledgerFailure(capture: Capture, name: string, error: unknown): void {
  if (!(error instanceof RequestError)) throw error;
  const verdict: LedgerLine["verdict"] =
    error.code === "vanished" ? "ephemeral" : error.code === "unreadable" ? "unreadable" : "failed";
  capture.sink.ledger({ component: capture.component, source: capture.source, name, verdict, reason: error.message });
}

/** Entries go to the sink in the byte order of their paths. */
export async function giveEntries(capture: Capture): Promise<void> {
  const ordered = capture.entries.toSorted((left, right) => compareByteStrings(left.path, right.path));
  for (const entry of ordered) await stored(capture.sink.entry(entry));
}

function deadNotes(stats: MergeStats): string[] {
  const { dead } = stats;
  const kinds: [string, number][] = [
    ["pids", dead.pid],
    ["ports", dead.port],
    ["references", dead.reference],
    ["functions", dead.function],
  ];
  return kinds
    .filter(([, rows]) => rows > 0)
    .map(
      ([kind, rows]) => `${rows} ${rows === 1 ? "row holds" : "rows hold"} ${kind}, which mean nothing after a restart`,
    );
}
