import { z } from "zod";
import { type Capture, ledgerCaptured, ledgerFailure, ledgerSkip, storeRows } from "./capture-table.ts";
import type { MnesiaTable } from "./inventory.ts";
import type { MergeStats } from "./merge.ts";
import type { TablePlan } from "./plan.ts";
import { RowSorter } from "./row-sorter.ts";
import { RequestError, type Session } from "./session.ts";

const SectionFacts = z.object({ table: z.string() });

type Planned = Extract<TablePlan<MnesiaTable>, { action: "capture" }>;

/**
 * Captures the planned tables in one checkpoint: all as of one moment between transactions. Fails as a whole,
 * since a part of a checkpoint is no consistent copy.
 */
export async function captureMnesia(
  capture: Capture,
  session: Session,
  plans: readonly TablePlan<MnesiaTable>[],
): Promise<void> {
  const planned = new Map<string, Planned>();
  for (const plan of plans) {
    if (plan.action === "skip") ledgerSkip(capture, plan);
    else planned.set(plan.table.name, plan);
  }
  if (planned.size === 0) return;
  const stats = new Map<string, MergeStats>();
  const before = capture.entries.length;
  try {
    await stream(capture, session, { planned, stats });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    for (const plan of planned.values()) ledgerFailure(capture, plan.name, error);
    capture.entries.length = before;
    return;
  }
  for (const plan of planned.values()) {
    const found = stats.get(plan.table.name);
    if (found !== undefined)
      ledgerCaptured(capture, { name: plan.name, grade: "transactional", stats: found, notes: plan.notes });
  }
}

async function stream(
  capture: Capture,
  session: Session,
  { planned, stats }: { planned: ReadonlyMap<string, Planned>; stats: Map<string, MergeStats> },
): Promise<void> {
  let plan: Planned | undefined;
  let sorter: RowSorter | undefined;
  const open = (table: Pick<MnesiaTable, "type">): RowSorter =>
    new RowSorter({ keypos: 2, type: table.type, deletes: true }, capture);
  try {
    await session.request(
      "mnesia",
      { tables: [...planned.keys()] },
      {
        begin(facts) {
          const { table: name } = SectionFacts.parse(facts);
          plan = planned.get(name);
          if (plan === undefined && name === "schema") {
            sorter = open({ type: "set" }); // definitions of the tables, which a checkpoint without the schema has too
            return sorter;
          }
          if (plan === undefined || stats.has(plan.table.name))
            throw new Error(`unexpected table ${name} in the checkpoint`);
          sorter = open(plan.table);
          return sorter;
        },
        async end(rows) {
          if (plan === undefined) {
            await rows.release();
            sorter = undefined;
            return;
          }
          stats.set(
            plan.table.name,
            await storeRows(capture, { path: plan.path, facts: mnesiaFacts(plan.table), sorter: rows }),
          );
          await rows.release();
          sorter = undefined;
        },
      },
    );
  } finally {
    await sorter?.release();
  }
  for (const empty of planned.values()) {
    if (stats.has(empty.table.name)) continue; // a table without rows has no section in the stream
    const none = open(empty.table);
    stats.set(
      empty.table.name,
      await storeRows(capture, { path: empty.path, facts: mnesiaFacts(empty.table), sorter: none }),
    );
    await none.release();
  }
}

/** What restore and an operator want to know at a glance; the full definition is in the schema's rows. */
function mnesiaFacts(table: MnesiaTable): Record<string, string | number | boolean | null | (string | number)[]> {
  return {
    name: table.name,
    type: table.type,
    record_name: table.record_name,
    attributes: table.attributes,
    index: table.index,
    ram_copies: table.ram_copies,
    disc_copies: table.disc_copies,
    disc_only_copies: table.disc_only_copies,
    local_content: table.local_content,
    fragment_of: table.fragment_of ?? null,
    majority: table.majority,
    load_order: table.load_order,
  };
}
