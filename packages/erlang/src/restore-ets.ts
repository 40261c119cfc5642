import { bytesOf, type TableEntry } from "@erlmcp/entry";
import { z } from "zod";
import type { AgentFiles } from "./agent.ts";
import type { EtsTable } from "./inventory.ts";
import type { NodeEngine } from "./vm.ts";
import { openNode, type ErlangNode } from "./node.ts";
import { RequestError, type Session } from "./session.ts";
import { stageTable } from "./stage.ts";
import { etsPaths } from "./table-path.ts";
import type { ReadContent } from "./unpack.ts";

export interface RestoreEtsOptions {
  readonly engine: NodeEngine;
  readonly agent: AgentFiles;
  readonly entries: readonly TableEntry[]; // all that were captured of the node
  readonly wants?: ((entry: TableEntry) => boolean) | undefined; // those to restore; all of them when undefined
  readonly read: ReadContent;
  readonly signal: AbortSignal;
}

/** What became of one table. Only `restored` ones were touched. */
export interface EtsRestored {
  readonly name: string;
  /** `ambiguous`: several unnamed tables are alike, and nothing tells which of them it was. */
  readonly verdict: "restored" | "missing" | "ambiguous" | "incompatible" | "failed";
  readonly rows: number; // in the restore point
  readonly found: number; // in the table when they had been put there; 0 when it was not touched
  readonly public: boolean; // anyone may write while they are put there
  readonly dead: number; // of them hold pids, ports, references or funs of a node that is gone
  readonly reason?: string | undefined;
}

/**
 * Puts captured rows back into the ETS tables of a running node, public, protected and private ones alike. Each table's rows
 * are staged in the node and compared with what was sent before the table is touched. A table that the node does not
 * have is reported, never made: it would have no owner.
 *
 * @throws BackupError SOURCE_FAILED when the node cannot be reached or was lost half-way
 */
export async function restoreEts(options: RestoreEtsOptions, node: ErlangNode): Promise<EtsRestored[]> {
  const { session, inventory } = await openNode(options, node);
  try {
    const find = createFinder(options.entries, inventory.ets);
    const restored: EtsRestored[] = [];
    for (const entry of options.entries.filter(options.wants ?? (() => true))) {
      options.signal.throwIfAborted();
      const found = find(entry);
      const outcome =
        typeof found === "number" ? await restoreTable(session, options.read, { entry, ix: found }) : found;
      const isPublic = entry.facts["protection"] === "public";
      restored.push({ name: pathText(entry), rows: entry.rows, public: isPublic, ...outcome });
    }
    await session.request("unstage", {});
    await session.close();
    return restored;
  } finally {
    await session.abort();
  }
}

type Outcome = Pick<EtsRestored, "verdict" | "dead" | "found" | "reason">;
const missing: Outcome = { verdict: "missing", dead: 0, found: 0, reason: "the node has no such table" };

const ambiguous: Outcome = {
  verdict: "ambiguous",
  dead: 0,
  found: 0,
  reason: "several unnamed tables of its owner are alike",
};

/**
 * A named table is found by its name. Unnamed ones of one name and owner are told apart by their properties only: they have a
 * number in the restore point, but no order of theirs outlives the node. (References grow by scheduler, not by age.)
 */
function createFinder(
  entries: readonly TableEntry[],
  tables: readonly EtsTable[],
): (entry: TableEntry) => number | Outcome {
  const paths = etsPaths(tables);
  const live = Map.groupBy(tables, (table) => identity(paths.get(table.ix) ?? "", table));
  const captured = Map.groupBy(entries, (entry) => identity(pathText(entry), entry.facts));
  return (entry) => {
    const same = identity(pathText(entry), entry.facts);
    const [table, other] = live.get(same) ?? [];
    if (table === undefined) return missing;
    return other === undefined && captured.get(same)?.length === 1 ? table.ix : ambiguous;
  };
}

const properties = ["type", "protection", "keypos", "compressed", "read_concurrency", "write_concurrency"] as const;

function identity(path: string, facts: Readonly<Record<string, unknown>>): string {
  if (!path.includes("#")) return path;
  return JSON.stringify([path.replace(/\.\d+$/, ""), ...properties.map((name) => facts[name])]);
}

function pathText({ path }: TableEntry): string {
  return bytesOf(path).toString("utf8");
}

const Facts = z.object({ type: z.string(), keypos: z.int() });
const Put = z.object({ dead: z.int(), rows: z.int() });

async function restoreTable(
  session: Session,
  read: ReadContent,
  { entry, ix }: { entry: TableEntry; ix: number },
): Promise<Outcome> {
  const { type, keypos } = Facts.parse(entry.facts);
  try {
    const sent = await stageTable(session, { name: "ets", type, keypos, entry, read });
    const { dead, rows: found } = Put.parse(await session.request("ets_put", { table: ix, ...sent }));
    return { verdict: "restored", dead, found };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    if (error.code === "vanished") return { ...missing, reason: error.message };
    return {
      verdict: error.code === "incompatible" ? "incompatible" : "failed",
      dead: 0,
      found: 0,
      reason: error.message,
    };
  }
}
