import type { Grade } from "@erlmcp/entry";
import { type Capture, captureStream, ledgerCaptured, ledgerFailure, ledgerSkip } from "./capture-table.ts";
import type { EtsTable } from "./inventory.ts";
import type { TablePlan } from "./plan.ts";
import type { Session } from "./session.ts";

type Planned = Extract<TablePlan<EtsTable>, { action: "capture" }>;

/** Captures the planned ETS tables one by one; a table that cannot be had is noted and does not stop the others. */
export async function captureEts(
  capture: Capture,
  session: Session,
  plans: readonly TablePlan<EtsTable>[],
): Promise<void> {
  for (const plan of plans) {
    if (plan.action === "skip") {
      ledgerSkip(capture, plan);
      continue;
    }
    try {
      await captureOne(capture, session, plan);
    } catch (error) {
      ledgerFailure(capture, plan.name, error);
    }
  }
}

async function captureOne(capture: Capture, session: Session, plan: Planned): Promise<void> {
  const { table, mode, path } = plan;
  const { reply, stats } = await captureStream(capture, session, {
    op: "ets",
    args: { table: table.ix, mode: mode.kind, check: mode.check ?? false },
    path,
    order: () => ({ keypos: table.keypos, type: table.type, deletes: false }),
    facts: () => etsFacts(table),
  });
  const { grade, note } = etsGrade(mode.kind, reply["stable"] === true, Number(reply["blocked_us"] ?? 0));
  ledgerCaptured(capture, { name: plan.name, grade, stats, notes: [...plan.notes, ...note] });
}

/**
 * How true a copy is. Two readings that agree row by row show one state of the whole table: the one between them.
 */
export function etsGrade(mode: string, stable: boolean, blockedMicroseconds: number): { grade: Grade; note: string[] } {
  if (mode === "suspend") {
    return { grade: "point-in-time", note: [`its owner stood still for ${Math.ceil(blockedMicroseconds / 1000)} ms`] };
  }
  return { grade: stable ? "fuzzy-verified" : "fuzzy", note: [] };
}

/** What a restore needs to make the table anew or to compare it. Nothing that changes with time. */
function etsFacts(table: EtsTable): Record<string, string | number | boolean | null> {
  return {
    name: table.name,
    named: table.named,
    type: table.type,
    protection: table.protection,
    keypos: table.keypos,
    compressed: table.compressed,
    read_concurrency: table.read_concurrency,
    write_concurrency: table.write_concurrency,
    decentralized_counters: table.decentralized_counters,
    owner: table.owner ?? null,
    owner_began_as: table.owner_init ?? null,
    application: table.owner_app ?? null,
  };
}
