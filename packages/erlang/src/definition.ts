import type { TableEntry } from "@erlmcp/entry";
import { bytesOf } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { type Inventory, MnesiaTable } from "./inventory.ts";

/** How a Mnesia table is defined, as a capture keeps it and a node tells it. */
const Definition = MnesiaTable.pick({
  name: true,
  type: true,
  record_name: true,
  attributes: true,
  index: true,
  ram_copies: true,
  disc_copies: true,
  disc_only_copies: true,
  local_content: true,
  majority: true,
  load_order: true,
}).extend({ fragment_of: z.string().nullish() });
export type MnesiaDefinition = z.infer<typeof Definition>;

/** One point in which two definitions differ, in words. */
export interface DefinitionChange {
  /** Rows of the one do not fit into the other; of what is else, only where and how they are kept differs. */
  readonly unfit: boolean;
  readonly what: string;
  readonly captured: string;
  readonly found: string;
}

/**
 * How a captured table was defined, with the names that its nodes have here.
 *
 * @throws BackupError CORRUPT when the entry does not say it
 */
export function definitionOf(entry: TableEntry, renames: ReadonlyMap<string, string> = new Map()): MnesiaDefinition {
  const parsed = Definition.safeParse(entry.facts);
  if (!parsed.success) {
    const path = bytesOf(entry.path).toString("utf8");
    throw new BackupError("CORRUPT", `the restore point does not say how the Mnesia table ${path} is defined`, {
      hint: "Run verify, and take another restore point.",
    });
  }
  const renamed = (nodes: readonly string[]): string[] => [...new Set(nodes.map((node) => renames.get(node) ?? node))];
  const disc = renamed(parsed.data.disc_copies);
  const only = renamed(parsed.data.disc_only_copies).filter((node) => !disc.includes(node));
  const ram = renamed(parsed.data.ram_copies).filter((node) => !disc.includes(node) && !only.includes(node));
  return { ...parsed.data, disc_copies: disc, disc_only_copies: only, ram_copies: ram }; // a node has one copy of a table
}

type Named = { what: string; unfit: boolean; of: (table: MnesiaDefinition) => string };

const listed = (names: readonly (string | number)[]): string => (names.length === 0 ? "none" : names.join(", "));
const sorted = (names: readonly (string | number)[]): string => listed(names.map(String).toSorted());

const points: readonly Named[] = [
  { what: "type", unfit: true, of: ({ type }) => type },
  { what: "record name", unfit: true, of: ({ record_name }) => record_name },
  { what: "attributes", unfit: true, of: ({ attributes }) => listed(attributes) },
  { what: "local content", unfit: true, of: ({ local_content }) => String(local_content) },
  { what: "fragment of", unfit: true, of: ({ fragment_of }) => fragment_of ?? "none" },
  { what: "index", unfit: false, of: ({ index }) => sorted(index) },
  { what: "ram copies", unfit: false, of: ({ ram_copies }) => sorted(ram_copies) },
  { what: "disc copies", unfit: false, of: ({ disc_copies }) => sorted(disc_copies) },
  { what: "disc only copies", unfit: false, of: ({ disc_only_copies }) => sorted(disc_only_copies) },
  { what: "majority", unfit: false, of: ({ majority }) => String(majority) },
  { what: "load order", unfit: false, of: ({ load_order }) => String(load_order) },
];

/** In which points a table is defined otherwise than it was captured. Pure. */
export function compareDefinitions(captured: MnesiaDefinition, found: MnesiaDefinition): DefinitionChange[] {
  return points.flatMap(({ what, unfit, of }) => {
    const [before, now] = [of(captured), of(found)];
    return before === now ? [] : [{ what, unfit, captured: before, found: now }];
  });
}

/** As the nodes that have a copy say: to another one its size is 0. */
function rowsIn(inventories: readonly Inventory[], name: string): number {
  const sizes = inventories.flatMap(({ mnesia }) => mnesia.tables.filter((table) => table.name === name));
  return Math.max(0, ...sizes.map(({ rows }) => rows));
}

/**
 * What a restore of all tables would change in how Mnesia's tables are defined, in words. A node that is fresh, with nothing
 * but an empty schema, has nothing to change. Pure.
 *
 * @param entries of all captured tables
 * @param inventories of those nodes that run
 */
export function compareSchema(
  entries: readonly TableEntry[],
  { inventories, renames }: { inventories: readonly Inventory[]; renames: ReadonlyMap<string, string> },
): string[] {
  const running = inventories.filter(({ mnesia }) => mnesia.running === "yes" && mnesia.tables.some(isOwn));
  const [first] = running;
  if (first === undefined) return [];
  const captured = new Map(entries.map((entry) => definitionOf(entry, renames)).map((one) => [one.name, one]));
  const now = new Map(first.mnesia.tables.map((table) => [table.name, table]));
  const changes: string[] = [];
  for (const name of now.keys()) {
    if (!captured.has(name))
      changes.push(`Mnesia table ${name}, ${rowsIn(running, name)} rows, is not in the restore point: it would go`);
  }
  for (const [name, before] of captured) {
    const table = now.get(name);
    if (table === undefined) changes.push(`Mnesia table ${name} is not there now: it would come back`);
    else {
      for (const { what, captured: then, found } of compareDefinitions(before, table)) {
        const schema = name === "schema" ? "Mnesia's schema" : `Mnesia table ${name}`;
        changes.push(`${what} of ${schema}: ${found} now, ${then} in the restore point`);
      }
    }
  }
  return changes;
}

function isOwn({ name }: { name: string }): boolean {
  return name !== "schema";
}
