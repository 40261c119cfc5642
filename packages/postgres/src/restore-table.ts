import { BackupError } from "@erlmcp/errors";
import { quoteIdentifier } from "./access.ts";
import { openArchive, type ArchiveLimits, type Read } from "./archive.ts";
import { databaseExists, dropDatabase, TableStep, type Journal } from "./journal.ts";
import { keptSchema, stagedName } from "./names.ts";
import { readProperties } from "./properties.ts";
import type { RecordedDatabase, TableName } from "./recorded.ts";
import { replaceRows } from "./replace-rows.ts";
import type { Room } from "./room.ts";
import { load } from "./stage.ts";
import { definitionProblems, definitionSql, liveProblems, qualified, TableDefinition } from "./table-definition.ts";
import type { Entrance } from "./target.ts";

export interface TableWork {
  journal: Journal;
  room: Room;
  restoreId: string;
  read: Read;
  limits: ArchiveLimits;
}

export interface RestoredTable {
  table: TableName;
  rows: number;
  compared: boolean; // with the count of the restore point; false when it was not counted at the capture
}

/** Where the rows that were there are kept, in the same database. */
const keptTable = (table: TableName, restoreId: string): TableName => ({
  database: table.database,
  schema: keptSchema(restoreId),
  name: "content",
});

/** Why a table can't be given other rows, as far as the server alone tells. */
export async function tableProblems(access: Entrance, table: TableName): Promise<string[]> {
  if (!(await databaseExists(access, access.database, table.database))) {
    return [`database ${table.database} does not exist: restore it as a whole`];
  }
  const live = await readDefinition(access, table);
  if (live === undefined) return [`table ${nameOf(table)} does not exist: restore the whole database`];
  return liveProblems(live).map((problem) => `table ${nameOf(table)}: ${problem}`);
}

async function readDefinition(access: Entrance, table: TableName): Promise<TableDefinition | undefined> {
  const line = await access.query(table.database, definitionSql(table));
  return line.trim() === "" ? undefined : TableDefinition.parse(JSON.parse(line));
}

/** @throws BackupError NOT_FOUND when the dump has no such table */
export function requireTable({ facts }: RecordedDatabase, table: TableName): void {
  const found = facts.tables.some(({ schema, name }) => schema === table.schema && name === table.name);
  if (found || facts.tables.length === 0) return;
  throw new BackupError("NOT_FOUND", `the restore point holds no table ${nameOf(table)}`);
}

/**
 * Gives a table the rows that it had when it was captured, in one transaction. The dump's definitions and these rows
 * are restored beside first, so that what doesn't fit is known before the table is locked. The rows that were there
 * stay in a schema of the same database until the restore is finished.
 *
 * @throws BackupError FAILED when the table is defined otherwise by now, CORRUPT when the dump has other rows than the
 *   restore point says
 */
export async function restoreTable(
  work: TableWork,
  recorded: RecordedDatabase,
  table: TableName,
): Promise<RestoredTable> {
  const { journal, restoreId } = work;
  const { access } = journal;
  await journal.note("table", table);
  const staged = stagedName(table.database, restoreId);
  if (!(await isReplaced(access, table, restoreId))) await stageTable(work, recorded, table);
  const live = await readDefinition(access, table);
  const counted = recorded.facts.tables.find(({ schema, name }) => schema === table.schema && name === table.name);
  if (await isReplaced(access, table, restoreId)) {
    await dropDatabase(access, journal.database, staged);
    return { table, rows: await countRows(access, table), compared: counted?.exact === true };
  }
  const from = { ...table, database: staged };
  const captured = await readDefinition(access, from);
  const problems = live === undefined || captured === undefined ? ["it is gone"] : definitionProblems(live, captured);
  if (live === undefined || problems.length > 0) {
    throw new BackupError("FAILED", `table ${nameOf(table)} is not as it was: ${problems.join("; ")}`, {
      hint: "Its rows are as they were. Restore the whole database, or give the table its former definition first.",
    });
  }
  const rows = await countRows(access, from);
  if (counted?.exact === true && counted.rows !== rows) {
    throw new BackupError("CORRUPT", `table ${nameOf(table)} has ${rows} rows in the dump, not ${counted.rows}`);
  }
  const kept = keptTable(table, restoreId);
  const keep = [
    `CREATE SCHEMA ${quoteIdentifier(kept.schema)};`,
    `CREATE TABLE ${qualified(kept)} AS SELECT * FROM ONLY ${qualified(table)};`,
  ];
  await replaceRows(access, { table, definition: live, from, rows, before: keep, after: [] });
  await dropDatabase(access, journal.database, staged);
  return { table, rows, compared: counted?.exact === true };
}

async function stageTable(work: TableWork, { facts, entry }: RecordedDatabase, table: TableName): Promise<void> {
  const { journal, room, restoreId, read, limits } = work;
  const { access } = journal;
  const staged = stagedName(table.database, restoreId);
  const what = `table ${nameOf(table)}`;
  await dropDatabase(access, journal.database, staged);
  const source = { what, access, room, restoreId, content: entry.content, needBytes: facts.bytes, read };
  const archive = await openArchive(source, limits);
  try {
    const { create } = await readProperties(archive, facts.name);
    await journal.run(`${create(staged)};`);
    await load(archive, staged, { what, args: ["--schema-only"] });
    const only = [`--schema=${table.schema}`, `--table=${table.name}`];
    await load(archive, staged, { what, args: ["--data-only", "--disable-triggers", ...only] });
  } finally {
    await archive.close();
  }
}

async function countRows(access: Entrance, table: TableName): Promise<number> {
  return Number(await access.query(table.database, `SELECT count(*) FROM ONLY ${qualified(table)};`));
}

/** The schema is made by the transaction that replaces the rows: where it is, they are replaced. */
async function isReplaced(access: Entrance, table: TableName, restoreId: string): Promise<boolean> {
  const sql = `SELECT to_regnamespace('${quoteIdentifier(keptSchema(restoreId))}') IS NOT NULL;`;
  return (await access.query(table.database, sql)).trim() === "t";
}

/** The table whose rows this restore replaces or replaced. */
async function tableOf(journal: Journal): Promise<TableName | undefined> {
  const found = await journal.fact("table");
  return found === undefined ? undefined : TableStep.parse(found);
}

/** Drops the rows that were kept. @throws BackupError FAILED when the table was never given its rows */
export async function finishTable(journal: Journal, restoreId: string): Promise<string[]> {
  const table = await tableOf(journal);
  if (table === undefined) return [];
  const { access } = journal;
  const schema = quoteIdentifier(keptSchema(restoreId));
  if (await isReplaced(access, table, restoreId)) await access.script(table.database, `DROP SCHEMA ${schema} CASCADE;`);
  return [`the rows that table ${nameOf(table)} had`];
}

/** True when there is no table to replace, or it is. */
export async function tableIsDone(journal: Journal, restoreId: string): Promise<boolean> {
  const table = await tableOf(journal);
  return table === undefined || isReplaced(journal.access, table, restoreId);
}

/** Gives a table the rows back that it had, if it has got others. */
export async function undoTable(journal: Journal, restoreId: string): Promise<void> {
  const table = await tableOf(journal);
  if (table === undefined) return;
  const { access } = journal;
  await dropDatabase(access, journal.database, stagedName(table.database, restoreId));
  if (!(await databaseExists(access, journal.database, table.database))) return;
  if (!(await isReplaced(access, table, restoreId))) return;
  const definition = await readDefinition(access, table);
  const kept = keptTable(table, restoreId);
  if (definition === undefined) {
    throw new BackupError("FAILED", `table ${nameOf(table)} is gone; the rows that it had are in ${qualified(kept)}`);
  }
  const rows = await countRows(access, kept);
  const after = [`DROP SCHEMA ${quoteIdentifier(kept.schema)} CASCADE;`];
  await replaceRows(access, { table, definition, from: kept, rows, before: [], after });
}

function nameOf({ database, schema, name }: TableName): string {
  return `${database}.${schema}.${name}`;
}
