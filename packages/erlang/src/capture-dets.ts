import type { Grade } from "@erlmcp/entry";
import { type Capture, captureStream, ledgerCaptured, ledgerFailure, ledgerSkip } from "./capture-table.ts";
import type { DetsTable } from "./inventory.ts";
import type { TablePlan } from "./plan.ts";
import type { RowOrder } from "./row-order.ts";
import type { Session } from "./session.ts";
import { z } from "zod";

/** The largest DETS file that is copied into the node's memory; larger ones are read while they change. */
export const maxDetsCopyBytes = 512 * 1024 * 1024;

const FileFacts = z.object({ type: z.enum(["set", "bag", "duplicate_bag"]), keypos: z.int().positive() });
type Planned = Extract<TablePlan<DetsTable | { file: string }>, { action: "capture" }>;

/** Captures open DETS tables, and the closed files that a label names. */
export async function captureDets(
  capture: Capture,
  session: Session,
  plans: readonly TablePlan<DetsTable | { file: string }>[],
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
  const { table, path } = plan;
  const open = "ix" in table ? table : undefined;
  const { reply, stats } = await captureStream(capture, session, {
    op: open === undefined ? "dets_file" : "dets",
    args: { max_file: maxDetsCopyBytes, ...(open === undefined ? { file: table.file } : { table: open.ix }) },
    path,
    order: (facts): RowOrder => ({ ...factsOf(open, facts), deletes: false }),
    facts: (facts) => ({ name: open?.name ?? null, file: table.file, ...factsOf(open, facts) }),
  });
  const stable = reply["stable"] === true;
  const reason = typeof reply["fuzzy"] === "string" ? reply["fuzzy"] : undefined;
  const { grade, notes } = detsGrade({ open: open !== undefined, stable, clean: reply["clean"] === true, reason });
  const blocked = Number(reply["blocked_us"] ?? 0);
  const still = blocked === 0 ? [] : [`it stood still for ${Math.ceil(blocked / 1000)} ms`];
  ledgerCaptured(capture, { name: plan.name, grade, stats, notes: [...plan.notes, ...notes, ...still] });
}

/** Pure. `reason`: why the file could not be copied while its process stood still. */
export function detsGrade(found: { open: boolean; stable: boolean; clean: boolean; reason: string | undefined }): {
  grade: Grade;
  notes: string[];
} {
  const { open, stable, clean, reason } = found;
  if (reason !== undefined)
    return { grade: stable ? "fuzzy-verified" : "fuzzy", notes: [`read while it was in use: ${reason}`] };
  if (open) return { grade: "point-in-time", notes: [] };
  const notes = clean ? [] : ["the file was not properly closed"];
  if (!stable) return { grade: "fuzzy", notes: [...notes, "another process wrote the file meanwhile"] };
  return { grade: clean ? "point-in-time" : "fuzzy-verified", notes };
}

function factsOf(
  open: DetsTable | undefined,
  facts: unknown,
): { type: "set" | "bag" | "duplicate_bag"; keypos: number } {
  if (open !== undefined) return { type: open.type, keypos: open.keypos };
  return FileFacts.parse(facts);
}
