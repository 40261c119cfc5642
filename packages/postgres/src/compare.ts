import { BackupError } from "@erlmcp/errors";
import { quoteLiteral } from "./access.ts";
import { countedTables, countOne, listTables, readCounts, type TableCount } from "./counts.ts";
import { contentsSql, DatabaseContents } from "./facts.ts";
import type { DatabaseFacts } from "./recorded.ts";
import type { Entrance } from "./target.ts";

/** What comparing a restored database with the restore point gave. */
export interface Comparison {
  tables: number; // whose rows were counted and are as many
  rows: number; // in them
  uncounted: number; // tables whose rows were not counted when they were captured
  sequences: number; // that are there, with the values that the dump has for them
  extensions: number;
  notes: string[];
}

export interface RestoredContents {
  tables: TableCount[];
  contents: DatabaseContents;
}

/** Counts in a restored database what was counted when it was captured. */
export async function readContents(
  access: Entrance,
  database: string,
  recorded: Pick<DatabaseFacts, "tables">,
): Promise<RestoredContents> {
  const exact = recorded.tables.filter((table) => table.exact).map(({ schema, name }) => ({ schema, name }));
  const counted = `(SELECT x.schema, x.name FROM json_to_recordset(${quoteLiteral(JSON.stringify(exact))}) AS x(schema text, name text))`;
  const sql = `SELECT ${contentsSql};
${listTables}
SELECT ${countOne} FROM ${countedTables} AND (n.nspname::text, c.relname::text) IN ${counted} \\gexec
`;
  const output = await access.script(database, sql);
  const end = output.indexOf("\n");
  const contents = DatabaseContents.parse(JSON.parse(output.slice(0, end)));
  return { tables: readCounts(output.slice(end + 1)), contents };
}

/**
 * Makes the planner's statistics, which are no part of a dump: without them the first queries after the swap would crawl.
 *
 * @returns notes: the rows are there without them
 */
export async function analyse(access: Entrance, database: string): Promise<string[]> {
  const { errors } = await access.attempt(database, "ANALYZE;");
  const complaint = errors.split("\n").find((line) => line.includes("ERROR"));
  return complaint === undefined ? [] : [`analysing: ${complaint.trim()}`];
}

/** How many differences a message names. */
const named = 5;

/** @throws BackupError CORRUPT naming the tables that are missing or have other rows */
export function compareContents(recorded: DatabaseFacts, found: RestoredContents): Comparison {
  const wrong: string[] = [];
  const notes: string[] = [];
  const rest = new Map(found.tables.map((table) => [keyOf(table), table]));
  const comparison = { tables: 0, rows: 0, uncounted: 0, sequences: 0, extensions: 0 };
  for (const table of recorded.tables) {
    const what = `${table.schema}.${table.name}`;
    const restored = rest.get(keyOf(table));
    rest.delete(keyOf(table));
    if (restored === undefined) wrong.push(`table ${what} is missing`);
    else if (!table.exact || table.rows === null) comparison.uncounted++;
    else if (restored.rows !== table.rows) wrong.push(`table ${what} has ${restored.rows} rows, not ${table.rows}`);
    else {
      comparison.tables++;
      comparison.rows += table.rows;
    }
  }
  const { largeObjects, extensions } = found.contents;
  if (largeObjects !== recorded.largeObjects) {
    wrong.push(`it has ${largeObjects} large objects, not ${recorded.largeObjects}`);
  }
  for (const { name } of recorded.extensions) {
    if (extensions.some((extension) => extension.name === name)) comparison.extensions++;
    else wrong.push(`extension ${name} is missing`);
  }
  const sequences = new Set(found.contents.sequences?.map(keyOf));
  for (const sequence of recorded.sequences ?? []) {
    if (sequences.has(keyOf(sequence))) comparison.sequences++;
    else wrong.push(`sequence ${sequence.schema}.${sequence.name} is missing`);
  }
  if (wrong.length > 0) {
    const more = wrong.length > named ? ` and ${wrong.length - named} more` : "";
    const all = wrong.slice(0, named).join("; ");
    throw new BackupError("CORRUPT", `database ${recorded.name} is not restored as it was captured: ${all}${more}`, {
      hint: "The databases that were there are untouched; verify the restore point, or take another one.",
    });
  }
  if (comparison.uncounted > 0) notes.push(`rows of ${comparison.uncounted} tables were not counted at the capture`);
  if (recorded.tables.length === 0 && rest.size > 0)
    notes.push("no table was listed at the capture: nothing is compared");
  return { ...comparison, notes };
}

function keyOf({ schema, name }: { schema: string; name: string }): string {
  return JSON.stringify([schema, name]);
}
