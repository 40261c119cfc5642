import type { LedgerLine } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { AgentFiles } from "./agent.ts";
import type { ErlangComponent } from "./capture.ts";
import { groupClusters } from "./cluster.ts";

import type { NodeEngine } from "./vm.ts";
import { openNode, type ErlangNode, type OpenNode } from "./node.ts";
import { planDets, planEts, planMnesia, planMnesiaLocal, type TablePlan } from "./plan.ts";

export interface SurveyErlangOptions {
  engine: NodeEngine;
  agent: AgentFiles;
  nodes: readonly ErlangNode[];
  components: readonly ErlangComponent[];
  signal: AbortSignal;
}

interface Sized {
  rows?: number;
  bytes?: number;
  words?: number; // of Mnesia: 8 bytes each
  file?: string; // of a DETS file that is not open: its size is not known
}

/**
 * What a capture would do with each table, and how large they are now; no row is read. `captured` means: would be. A
 * node that can't be captured has a line `failed`.
 */
export async function surveyErlang(options: SurveyErlangOptions): Promise<LedgerLine[]> {
  const lines: LedgerLine[] = [];
  const opened: OpenNode[] = [];
  try {
    for (const node of options.nodes) {
      try {
        opened.push(await openNode(options, node));
      } catch (error) {
        if (!(error instanceof BackupError) || options.signal.aborted) throw error;
        const { container: name } = node;
        const failed = { source: name, name, verdict: "failed", reason: error.message } as const;
        lines.push(...options.components.map((component) => ({ component, ...failed })));
      }
    }
    lines.push(...options.components.flatMap((component) => surveyComponent(component, opened)));
    for (const { session } of opened) await session.close();
    return lines;
  } finally {
    await Promise.all(opened.map(({ session }) => session.abort()));
  }
}

function surveyComponent(component: ErlangComponent, opened: readonly OpenNode[]): LedgerLine[] {
  if (component === "mnesia") {
    return groupClusters(opened).flatMap(({ name, first, nodes }) => [
      ...linesOf("mnesia", name, planMnesia(first.inventory)),
      ...nodes.flatMap((node) => (node === first ? [] : linesOf("mnesia", name, planMnesiaLocal(node.inventory)))),
    ]);
  }
  return opened.flatMap(({ inventory, settings }) => {
    const { node } = inventory.identity;
    if (component === "ets") return linesOf("ets", node, planEts(inventory, settings));
    return linesOf("dets", node, planDets(inventory, settings));
  });
}

function linesOf(component: ErlangComponent, source: string, plans: readonly TablePlan<Sized>[]): LedgerLine[] {
  return plans.map((plan) => {
    if (plan.action === "skip") {
      const { verdict, name, reason, rows, bytes } = plan;
      return { component, source, name, verdict, reason, ...sizeOf({ rows, bytes }) };
    }
    return { component, source, name: plan.name, verdict: "captured", ...sizeOf(plan.table) };
  });
}

function sizeOf({
  rows,
  bytes,
  words,
}: { [Key in keyof Sized]: Sized[Key] | undefined }): Pick<LedgerLine, "rows" | "bytes"> {
  const size = bytes ?? (words === undefined ? undefined : words * 8);
  return { ...(rows === undefined ? {} : { rows }), ...(size === undefined ? {} : { bytes: size }) };
}
