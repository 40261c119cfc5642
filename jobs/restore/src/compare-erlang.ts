import type { TableEntry } from "@erlmcp/entry";
import { compareDefinitions, definitionOf, type Inventory } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import type { Applying } from "./apply.ts";
import { compareRows, type Compared, type Difference } from "./compare.ts";
import { lookAround } from "./here.ts";
import { mnesiaTables } from "./mnesia-plan.ts";
import { look } from "./nodes.ts";
import type { Placed } from "./plan.ts";
import { nodesOf } from "./targets.ts";

/** A node that took a captured one's place, as it is now. */
export interface NodeNow {
  readonly recorded: string;
  readonly inventory: Inventory;
}

/** What the nodes hold once they have started on the restored Mnesia. Single tables were compared as they were put. */
export async function compareMnesia(run: Applying, { part }: Placed): Promise<Compared | undefined> {
  if (part.tables !== undefined) return undefined;
  const nodes = await nodesNow(run, part.source);
  if (nodes.length === 0) return undefined; // they stood still before, and take it in when they start
  const renames = new Map(Object.entries(run.intent.renames));
  const entries = (await mnesiaTables(run.point, part)).filter(({ path }) => path !== "schema");
  const found = mnesiaDifferences(entries, { nodes, renames, acceptSchema: run.intent.accept_schema });
  return { component: "mnesia", source: part.source.name, things: "tables", ...found, how: "definition and rows" };
}

/** The same for the DETS tables that a node has open. Of others the whole file was put in its place. */
export async function compareDets(run: Applying, { part }: Placed): Promise<Compared | undefined> {
  const [node] = await nodesNow(run, part.source);
  if (node === undefined) return undefined;
  const found = detsDifferences(await mnesiaTables(run.point, part), node.inventory);
  const how = "type, key position and rows of those that the node has open; others were put there as whole files";
  return { component: "dets", source: part.source.name, things: "tables", ...found, how };
}

type Found = Pick<Compared, "equal" | "differences">;

/**
 * Rows that differ are the application's doing only where Mnesia itself has written since its start, or in memory, where it
 * keeps no account. Pure.
 */
export function mnesiaDifferences(
  entries: readonly TableEntry[],
  {
    nodes,
    renames,
    acceptSchema,
  }: { nodes: readonly NodeNow[]; renames: ReadonlyMap<string, string>; acceptSchema: boolean },
): Found {
  const wrote = nodes.some(({ inventory: { mnesia } }) => (mnesia.commits ?? 0) + (mnesia.log_writes ?? 0) > 0);
  const differing = entries.map((entry): Difference[] => {
    const captured = definitionOf(entry, renames);
    const name = captured.local_content ? pathOf(entry) : captured.name;
    const holders = captured.local_content
      ? nodes.filter(({ recorded }) => pathOf(entry).split("/")[1] === recorded)
      : nodes;
    const tables = holders.flatMap(({ inventory: { identity, mnesia } }) =>
      mnesia.tables.filter((table) => table.name === captured.name).map((table) => ({ table, node: identity.node })),
    );
    const [any] = tables;
    if (any === undefined) {
      if (holders.length === 0) return [];
      return [
        { name, what: "table", expected: "there", found: "missing", weight: acceptSchema ? "incomplete" : "fails" },
      ];
    }
    const changes = compareDefinitions(captured, any.table).map(({ what, captured: expected, found }): Difference => ({
      name,
      what,
      expected,
      found,
      weight: acceptSchema ? "note" : "fails",
      reason: acceptSchema ? "a change of the schema was accepted" : undefined,
    }));
    const held = tables.find(({ table, node }) => table.read_from === node);
    if (held === undefined) {
      if (nodes.length < new Set([...captured.ram_copies, ...captured.disc_copies, ...captured.disc_only_copies]).size)
        return changes;
      return [...changes, { name, what: "rows", expected: String(entry.rows), found: "not loaded", weight: "fails" }];
    }
    const inMemory = captured.disc_copies.length + captured.disc_only_copies.length === 0;
    const reason = wrote
      ? "the application has written since its start"
      : inMemory
        ? "it lives in memory alone"
        : undefined;
    return [...changes, ...compareRows(name, { expected: entry.rows, found: held.table.rows, reason })];
  });
  return summed(differing);
}

/** Whoever has a DETS table open may have written it: nothing tells. Pure. */
export function detsDifferences(entries: readonly TableEntry[], { dets }: Pick<Inventory, "dets">): Found {
  const differing = entries.flatMap((entry) => {
    const table = dets.find(({ name, file }) => name === entry.facts["name"] && file === entry.facts["file"]);
    if (table === undefined) return [];
    const { name } = table;
    const fact = (what: "type" | "keypos"): Difference[] => {
      const [expected, found] = [JSON.stringify(entry.facts[what]), JSON.stringify(table[what])];
      return expected === found ? [] : [{ name, what, expected, found, weight: "fails" }];
    };
    const rows = { expected: entry.rows, found: table.rows, reason: "the node has it open and may have written it" };
    return [[...fact("type"), ...fact("keypos"), ...compareRows(name, rows)]];
  });
  return summed(differing);
}

function summed(differing: readonly Difference[][]): Found {
  const equal = differing.filter((differences) => differences.length === 0).length;
  return { equal, differences: differing.flat() };
}

function pathOf({ path }: TableEntry): string {
  return typeof path === "string" ? path : "";
}

/** @throws BackupError FAILED when a node that runs cannot be asked: then nothing is known of it */
async function nodesNow(run: Applying, source: Placed["part"]["source"]): Promise<NodeNow[]> {
  const { containers, here } = await lookAround(run.host, run.settings);
  const now: NodeNow[] = [];
  for (const { recorded, container: id } of run.intent.nodes) {
    const container = containers.find((one) => one.id === id);
    if (container?.state !== "running" || !nodesOf(source).some(({ node }) => node === recorded)) continue;
    const inventory = await look(run, here.sources, container);
    if ("unknown" in inventory) {
      throw new BackupError("FAILED", `what ${container.name} holds now cannot be asked: ${inventory.unknown}`);
    }
    now.push({ recorded, inventory });
  }
  return now;
}
