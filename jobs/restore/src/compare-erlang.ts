import { setTimeout as delay } from "node:timers/promises";
import type { TableEntry } from "@erlmcp/entry";
import { compareDefinitions, definitionOf, type Inventory, type MnesiaDefinition } from "@erlmcp/erlang";
import { nodesOf } from "@erlmcp/host";
import type { Applying } from "./apply.ts";
import { compareRows, type Compared, type Difference } from "./compare.ts";
import { lookAround } from "./here.ts";
import { mnesiaTables } from "./mnesia-plan.ts";
import { look } from "./nodes.ts";
import type { Placed } from "./plan.ts";
import { renamePath } from "./rename-path.ts";

const loadLimitMs = 300_000; // of Mnesia's tables, once the nodes are well
const betweenLooksMs = 1000;

/** A node that took a captured one's place, as it is now. */
export interface NodeNow {
  readonly recorded: string;
  readonly inventory: Inventory;
}

/** What the nodes hold once they have started on the restored Mnesia. Single tables were compared as they were put. */
export async function compareMnesia(run: Applying, { part }: Placed): Promise<Compared | undefined> {
  if (part.tables !== undefined) return undefined;
  const { nodes, silent } = await askLoaded(run, part.source);
  if (nodes.length + silent.length === 0) return undefined;
  const renames = new Map(Object.entries(run.intent.renames));
  const entries = (await mnesiaTables(run.point, part)).filter(({ path }) => path !== "schema");
  const found = mnesiaDifferences(entries, { nodes, renames, acceptSchema: run.intent.accept_schema });
  return {
    component: "mnesia",
    source: part.source.name,
    things: "tables",
    equal: found.equal,
    differences: [...silent, ...found.differences],
    how: "definition and rows",
  };
}

/** The same for the DETS tables that a node has open. Of others the whole file was put in its place. */
export async function compareDets(run: Applying, { part }: Placed): Promise<Compared | undefined> {
  const { nodes, silent } = await ask(run, part.source);
  const [node] = nodes;
  if (node === undefined && silent.length === 0) return undefined;
  const renames = new Map(Object.entries(run.intent.renames));
  const entries = node === undefined ? [] : await mnesiaTables(run.point, part);
  const found = detsDifferences(entries, { dets: node?.inventory.dets ?? [], renames });
  const how = "type, key position and rows of those that the node has open; others were put there as whole files";
  const differences = [...silent, ...found.differences];
  return { component: "dets", source: part.source.name, things: "tables", equal: found.equal, differences, how };
}

type Found = Pick<Compared, "equal" | "differences">;

interface MnesiaNow {
  readonly nodes: readonly NodeNow[];
  readonly renames: ReadonlyMap<string, string>;
  readonly acceptSchema: boolean;
}

/** Each captured table with what the nodes have in its place. Pure. */
export function mnesiaDifferences(entries: readonly TableEntry[], now: MnesiaNow): Found {
  return summed(now.nodes.length === 0 ? [] : entries.map((entry) => tableDifferences(entry, now)));
}

function tableDifferences(entry: TableEntry, { nodes, renames, acceptSchema }: MnesiaNow): Difference[] {
  const captured = definitionOf(entry, renames);
  const { name } = captured;
  const holders = captured.local_content ? nodes.filter(({ recorded }) => isLocalTo(entry, recorded)) : nodes;
  const tables = holders.flatMap(({ inventory: { identity, mnesia } }) =>
    mnesia.tables.filter((table) => table.name === name).map((table) => ({ table, node: identity.node })),
  );
  const [any] = tables;
  const rows = { name: captured.local_content ? pathOf(entry) : name, what: "rows", expected: String(entry.rows) };
  const unknown: Difference = {
    ...rows,
    found: "not known",
    weight: "incomplete",
    reason: "not all nodes can be asked",
  };
  if (any === undefined && holders.length === 0) return [unknown];
  if (any === undefined) {
    return [
      { name, what: "table", expected: "there", found: "missing", weight: acceptSchema ? "incomplete" : "fails" },
    ];
  }
  const changes = compareDefinitions(captured, any.table).map(({ what, captured: expected, found }): Difference => {
    if (!acceptSchema) return { name, what, expected, found, weight: "fails" };
    return { name, what, expected, found, weight: "incomplete", reason: "a change of the schema was accepted" };
  });
  const held = tables.find(({ table, node }) => table.read_from === node);
  if (held !== undefined) {
    const reason = accountOf(captured, nodes);
    return [...changes, ...compareRows(rows.name, { expected: entry.rows, found: held.table.rows, reason })];
  }
  const copies = new Set([...captured.ram_copies, ...captured.disc_copies, ...captured.disc_only_copies]);
  const all = [...copies].every((copy) => nodes.some(({ inventory }) => inventory.identity.node === copy));
  return [...changes, all ? { ...rows, found: "not loaded", weight: "fails" } : unknown];
}

/**
 * Rows that differ are the application's doing only where Mnesia itself has written since its start, or in memory, where it
 * keeps no account.
 */
function accountOf(captured: MnesiaDefinition, nodes: readonly NodeNow[]): string | undefined {
  if (nodes.some(({ inventory: { mnesia } }) => (mnesia.commits ?? 0) + (mnesia.log_writes ?? 0) > 0)) {
    return "the application has written since its start";
  }
  return captured.disc_copies.length + captured.disc_only_copies.length === 0 ? "it lives in memory alone" : undefined;
}

function isLocalTo(entry: TableEntry, node: string): boolean {
  return pathOf(entry).split("/")[1] === node;
}

/** Whoever has a DETS table open may have written it: nothing tells. Pure. */
export function detsDifferences(
  entries: readonly TableEntry[],
  { dets, renames }: Pick<Inventory, "dets"> & Pick<MnesiaNow, "renames">,
): Found {
  const differing = entries.flatMap((entry) => {
    const { name: captured, file: lay } = entry.facts;
    const path = typeof lay === "string" ? renamePath(lay, renames) : "";
    const table = dets.find(({ name, file }) => name === captured && file === path);
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

interface Asked {
  readonly nodes: readonly NodeNow[];
  readonly silent: readonly Difference[]; // those that run and do not answer: what they hold is not known
}

/** Those that stand still take in what they were given when they start. */
async function ask(run: Applying, source: Placed["part"]["source"]): Promise<Asked> {
  const { containers, here } = await lookAround(run.host, run.settings);
  const nodes: NodeNow[] = [];
  const silent: Difference[] = [];
  for (const { recorded, container: id } of run.intent.nodes) {
    const container = containers.find((one) => one.id === id);
    if (container?.state !== "running" || !nodesOf(source).some(({ node }) => node === recorded)) continue;
    const inventory = await look(run, here.sources, container);
    if ("unknown" in inventory) silent.push(unanswered(container.name, inventory.unknown));
    else nodes.push({ recorded, inventory });
  }
  return { nodes, silent };
}

function unanswered(name: string, reason: string): Difference {
  return { name, what: "node", expected: "compared", found: "silent", weight: "incomplete", reason };
}

/** Mnesia loads its tables while the application is up already. */
async function askLoaded(run: Applying, source: Placed["part"]["source"]): Promise<Asked> {
  const { signal, context } = run;
  const deadline = context.monotonicMs() + loadLimitMs;
  for (;;) {
    const asked = await ask(run, source);
    if (asked.nodes.every(({ inventory }) => isLoaded(inventory)) || context.monotonicMs() > deadline) return asked;
    await delay(betweenLooksMs, undefined, { signal });
  }
}

/** Tables without a copy on the node itself may stay out of reach for good. */
export function isLoaded({ identity, mnesia }: Inventory): boolean {
  const own = mnesia.tables.filter(({ ram_copies, disc_copies, disc_only_copies }) =>
    [ram_copies, disc_copies, disc_only_copies].some((nodes) => nodes.includes(identity.node)),
  );
  return mnesia.running === "yes" && own.every(({ read_from }) => read_from !== "nowhere");
}
