import { bytesOf, type TableEntry } from "@erlmcp/entry";
import { compareDefinitions, definitionOf, type MnesiaDefinition } from "./definition.ts";
import type { Inventory, MnesiaTable } from "./inventory.ts";
import { pathOf } from "./table-path.ts";

/** A running node that takes the place of a captured one. */
export interface Member {
  readonly recorded: string; // its name in the restore point
  readonly inventory: Inventory;
}

/** One captured table, and the node that writes its rows: every replica gets them from there. */
export interface MnesiaPut {
  readonly node: string;
  readonly entry: TableEntry;
  readonly table: MnesiaDefinition; // as it is now
}

export interface MnesiaPutPlan {
  readonly puts: readonly MnesiaPut[];
  readonly refused: readonly string[]; // why it cannot be done
  readonly warnings: readonly string[];
}

/**
 * Where the rows of single tables go in a running cluster. A table's definition stays as it is now, so the rows must fit it. A
 * table that lives in memory alone mostly holds what the application made since its start (routes, sessions, pids): old rows
 * of it are put only where that was asked for. Pure.
 *
 * @param entries the tables that are wanted, all fragments of one and the local content of every node
 */
export function planMnesiaPut(
  entries: readonly TableEntry[],
  {
    members,
    renames,
    ramTables,
  }: { members: readonly Member[]; renames: ReadonlyMap<string, string>; ramTables: boolean },
): MnesiaPutPlan {
  const puts: MnesiaPut[] = [];
  const refused: string[] = [];
  const warnings: string[] = [];
  for (const entry of entries) {
    const captured = definitionOf(entry, renames);
    const owners = captured.local_content ? members.filter((member) => isLocalTo(entry, member)) : members;
    const found = owners.flatMap(({ inventory }) =>
      inventory.mnesia.tables.filter(({ name }) => name === captured.name),
    );
    const [table] = found;
    if (table === undefined) {
      refused.push(absent(captured, { entry, asked: owners.length > 0 }));
      continue;
    }
    const changes = compareDefinitions(captured, { ...table, fragment_of: table.fragment_of });
    for (const { what, unfit, captured: before, found: now } of changes) {
      const told = `${what} of Mnesia table ${table.name} is ${now} now, the restore point has ${before}`;
      if (unfit) refused.push(`${told}: its rows would not fit`);
      else warnings.push(`${told}: it stays as it is now`);
    }
    if (!ramTables && table.disc_copies.length + table.disc_only_copies.length === 0) refused.push(onlyInMemory(table));
    const put = owners.find((member) => isReadHere(member, table.name));
    if (put === undefined) refused.push(`no node that can be reached has a copy of Mnesia table ${table.name}`);
    else puts.push({ node: put.inventory.identity.node, entry, table });
  }
  refused.push(...otherFragments(entries, members));
  return { puts, refused: [...new Set(refused)], warnings: [...new Set(warnings), ...otherLocal(entries, members)] };
}

/** Which tables a name means: a table with fragments is all of them. */
export function isPartOfTable(entry: TableEntry, name: string): boolean {
  if (entry.path === "schema") return false; // Mnesia's own, which only a restore of all tables replaces
  return entry.facts["name"] === name || entry.facts["fragment_of"] === name;
}

function isLocalTo(entry: TableEntry, { recorded }: Member): boolean {
  return bytesOf(entry.path)
    .toString("utf8")
    .startsWith(`local/${pathOf(recorded)}/`);
}

function isReadHere({ inventory }: Member, name: string): boolean {
  const { node } = inventory.identity;
  return inventory.mnesia.tables.some((table) => table.name === name && table.read_from === node);
}

function absent(
  { name, local_content }: MnesiaDefinition,
  { entry, asked }: { entry: TableEntry; asked: boolean },
): string {
  if (asked) return `there is no Mnesia table ${name} now`;
  const path = bytesOf(entry.path).toString("utf8");
  return local_content ? `no node here takes ${path}` : `no node here can be asked for Mnesia table ${name}`;
}

function onlyInMemory({ name }: MnesiaTable): string {
  return `Mnesia table ${name} lives in memory alone: what the application keeps there now may depend on its running state`;
}

/** A table that was split or joined since has its rows elsewhere: fragments are put only all together and as they were. */
function otherFragments(entries: readonly TableEntry[], members: readonly Member[]): string[] {
  const definitions = entries.map((entry) => definitionOf(entry));
  const names = new Set(definitions.map(({ name }) => name));
  const bases = new Set(definitions.flatMap(({ fragment_of: base }) => base ?? []));
  const now = members[0]?.inventory.mnesia.tables ?? [];
  return now
    .filter(({ name, fragment_of: base }) => base !== undefined && bases.has(base) && !names.has(name))
    .map(
      ({ name, fragment_of: base }) =>
        `${name} is a fragment of ${base ?? ""} now: all of them are put together, and only as many as there were then`,
    );
}

/** Local content of a node that was not captured. */
function otherLocal(entries: readonly TableEntry[], members: readonly Member[]): string[] {
  const local = new Set(
    entries
      .map((entry) => definitionOf(entry))
      .filter(({ local_content }) => local_content)
      .map(({ name }) => name),
  );
  return members.flatMap((member) =>
    member.inventory.mnesia.tables
      .filter(({ name }) => local.has(name) && isReadHere(member, name))
      .filter(({ name }) => !entries.some((entry) => entry.facts["name"] === name && isLocalTo(entry, member)))
      .map(({ name }) => `the restore point has no rows of ${name} for ${member.recorded}: its own stay as they are`),
  );
}
