import { fileURLToPath } from "node:url";
import {
  loadAgent,
  planMnesiaPut,
  restoreMnesiaTables,
  type ErlangNode,
  type Member,
  type MnesiaRestored,
} from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { nodesOf } from "@erlmcp/host";
import type { Applied, Applying } from "./apply.ts";
import { compareRows, type Compared } from "./compare.ts";
import { lookAround } from "./here.ts";
import { agentFolder } from "./local-erl.ts";
import { mnesiaTables } from "./mnesia-plan.ts";
import { look, settingsOf } from "./nodes.ts";
import type { Placed } from "./plan.ts";

/** Puts single Mnesia tables back into their running nodes. No other table is touched, and nothing is stopped. */
export async function putMnesiaTables(run: Applying, { part }: Placed): Promise<Applied> {
  const { source } = part;
  const { members, nodes } = await runningNodes(run, source);
  const renames = new Map(Object.entries(run.intent.renames));
  const entries = await mnesiaTables(run.point, part);
  if (entries.length !== part.tables?.length) throw new BackupError("FAILED", "not all of the tables were captured");
  const { puts, refused } = planMnesiaPut(entries, { members, renames, ramTables: true }); // asked before it was begun
  if (refused.length > 0) throw new BackupError("FAILED", refused.join("; "));
  const restored = await restoreMnesiaTables({
    engine: run.host.engine,
    agent: await loadAgent(fileURLToPath(agentFolder)),
    puts,
    nodes,
    signal: run.signal,
    read: async function* (content) {
      for await (const piece of run.point.read(content)) {
        run.progress.add(piece.length);
        yield piece;
      }
    },
  });
  const sum = (of: (one: MnesiaRestored) => number): number => restored.reduce((total, one) => total + of(one), 0);
  return {
    component: "mnesia",
    source: source.name,
    targets: [...nodes.keys()],
    counts: {
      tables: restored.length,
      rows: sum(({ rows }) => rows),
      written: sum(({ written }) => written),
      removed: sum(({ removed }) => removed),
    },
    notes: restored.flatMap(notesOf),
    compared: compared(source.name, restored),
  };
}

async function runningNodes(
  run: Applying,
  source: Placed["part"]["source"],
): Promise<{ members: Member[]; nodes: Map<string, ErlangNode> }> {
  const { containers, here } = await lookAround(run.host, run.settings);
  const members: Member[] = [];
  const nodes = new Map<string, ErlangNode>();
  for (const { recorded, container: id } of run.intent.nodes) {
    const container = containers.find((one) => one.id === id);
    if (container === undefined || !nodesOf(source).some(({ node }) => node === recorded)) continue;
    const inventory = await look(run, here.sources, container);
    if ("unknown" in inventory) {
      throw new BackupError("SOURCE_FAILED", `the node in ${container.name} cannot be reached: ${inventory.unknown}`);
    }
    members.push({ recorded, inventory });
    nodes.set(inventory.identity.node, { container: id, settings: settingsOf(here.sources, id) });
  }
  return { members, nodes };
}

/** The transaction wrote all of them; what was counted a moment later, others may have changed. */
function compared(source: string, restored: readonly MnesiaRestored[]): Compared {
  const reason = "the application went on writing";
  const differences = restored.flatMap(({ name, rows, found }) => compareRows(name, { expected: rows, found, reason }));
  const equal = restored.length - differences.length;
  return { component: "mnesia", source, things: "tables", equal, differences, how: "rows" };
}

function notesOf({ name, node, dead, took_ms }: MnesiaRestored): string[] {
  const still = `mnesia ${name}: written by ${node}; transactions on it waited ${took_ms} ms at most`;
  return dead === 0
    ? [still]
    : [still, `mnesia ${name}: ${dead} rows hold pids, ports, references or funs of a node that is gone`];
}
