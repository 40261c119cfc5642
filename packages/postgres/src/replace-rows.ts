import { BackupError } from "@erlmcp/errors";
import { explain, quoteIdentifier, quoteLiteral } from "./access.ts";
import { collect } from "./fed.ts";
import { psqlArgs } from "./script.ts";
import { qualified, type TableDefinition } from "./table-definition.ts";
import type { TableName } from "./recorded.ts";
import type { Entrance } from "./target.ts";

/** New rows for a table, out of another one with the same columns, in this or another database of the server. */
export interface Replacement {
  table: TableName;
  definition: TableDefinition;
  from: TableName;
  rows: number; // that must be there in the end
  before: string[]; // statements of the same transaction, with the table locked and its rows still there
  after: string[];
}

/**
 * One psql writes the rows into the input of another, within its transaction. That one commits only when it is told
 * so after the last row: if the first fails, it is not told.
 */
const script = `{
  printf '%s\\n' "$1"
  PGDATABASE="$2" psql "$5" --command="$3" && printf '%s\\n' '\\.' "$4"
} | psql "$5"`;
/** Somebody who holds the table for longer makes the restore fail rather than wait for ever. */
const lockWaitMs = 300_000;
const done = "erlmcp: replaced";

/** @throws BackupError FAILED with the server's words; the rows are then as they were, unless the connection was lost */
export async function replaceRows(access: Entrance, replacement: Replacement): Promise<void> {
  const { table, from } = replacement;
  const { head, copy, tail } = statements(replacement);
  const text = script.replaceAll('"$5"', psqlArgs.join(" "));
  const exec = await access.program("sh", ["-c", text, "sh", head, from.database, copy, tail], table.database);
  const result = await collect(exec);
  if (result.stdout.toString("utf8").split("\n").includes(done)) return;
  throw new BackupError("FAILED", `table ${table.database}.${table.schema}.${table.name}: ${explain(result)}`, {
    hint: "Undo the restore, or repeat it.",
  });
}

/** Triggers of users are off meanwhile, foreign keys of the table are not: rows that don't fit are refused. */
function statements({
  table,
  definition,
  from,
  rows,
  before,
  after,
}: Replacement): Record<"head" | "copy" | "tail", string> {
  const name = qualified(table);
  const columns = definition.columns
    .filter(({ generated }) => !generated)
    .map((column) => quoteIdentifier(column.name));
  const list = columns.length === 0 ? "" : ` (${columns.join(", ")})`;
  const trigger = (how: string, of: string): string =>
    `ALTER TABLE ONLY ${name} ${how} TRIGGER ${quoteIdentifier(of)};`;
  const off = definition.triggers.map((each) => trigger("DISABLE", each.name));
  const on = definition.triggers.map((each) => trigger(enabling[each.enabled] ?? "ENABLE", each.name));
  const count = `BEGIN IF (SELECT count(*) FROM ONLY ${name}) <> ${rows} THEN
  RAISE EXCEPTION 'the table has other rows than the ${rows} that it should have'; END IF; END`;
  const head = [
    `SET lock_timeout = ${lockWaitMs};`,
    "BEGIN;",
    `LOCK TABLE ONLY ${name} IN ACCESS EXCLUSIVE MODE;`,
    ...before,
    ...off,
    `TRUNCATE TABLE ONLY ${name};`,
    `COPY ${name}${list} FROM STDIN;`,
  ];
  const tail = [
    "SET CONSTRAINTS ALL IMMEDIATE;",
    ...on,
    ...definition.sequences.map(({ column, sequence }) => advance(name, quoteIdentifier(column), sequence)),
    `DO ${quoteLiteral(count)};`,
    ...after,
    "COMMIT;",
    `SELECT '${done}';`,
  ];
  return { head: head.join("\n"), copy: `COPY ${qualified(from)}${list} TO STDOUT`, tail: tail.join("\n") };
}

const enabling: Readonly<Record<string, string>> = { O: "ENABLE", A: "ENABLE ALWAYS", R: "ENABLE REPLICA" };

/** A sequence never gives a number again that a row has. */
function advance(table: string, column: string, sequence: string): string {
  return `SELECT pg_catalog.setval(${quoteLiteral(sequence)}, m) FROM (SELECT max(${column}) AS m FROM ONLY ${table}) x
  WHERE m >= (SELECT last_value FROM ${sequence});`;
}
