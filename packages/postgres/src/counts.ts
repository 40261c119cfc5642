import { z } from "zod";
import type { Access } from "./access.ts";
import { inSnapshot } from "./facts.ts";
import { unlimited } from "./snapshot.ts";

/** One table of a dump. `rows` is null where nothing is known; `exact` only when counted at the dump's own moment. */
export const TableCount = z.object({
  schema: z.string(),
  name: z.string(),
  bytes: z.int(),
  rows: z.int().nullable(),
  exact: z.boolean(),
});
export type TableCount = z.infer<typeof TableCount>;

const Listed = z.object({
  oid: z.int(),
  schema: z.string(),
  name: z.string(),
  bytes: z.int(),
  estimate: z.number(), // -1: never analysed
});
const Counted = z.object({ oid: z.int(), rows: z.int() });
const Line = z.union([z.object({ table: Listed }), z.object({ count: Counted })]);

export interface CountLimits {
  tableBytes: number; // a larger table gets the server's estimate: counting reads it whole
  tables: number; // with more tables in a database none is counted: each takes a lock
}

export const defaultCountLimits: CountLimits = { tableBytes: 2 * 1024 ** 3, tables: 2000 };

/** Tables with rows of their own in a dump: no view, no foreign table, nothing that an extension brings along. */
export const countedTables = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`;
/** Their list, and an expression that gives the statement to count one: what `readCounts` reads. */
export const listTables = `SELECT json_build_object('table', json_build_object('oid', c.oid::bigint, 'schema', n.nspname,
  'name', c.relname, 'bytes', pg_table_size(c.oid), 'estimate', c.reltuples))
  FROM ${countedTables} ORDER BY n.nspname, c.relname;`;
export const countOne = `format('SELECT json_build_object(''count'', json_build_object(''oid'', %s, ''rows'', count(*)))
  FROM ONLY %I.%I', c.oid, n.nspname, c.relname)`;
const readable = `(c.relpersistence = 'p' OR NOT pg_is_in_recovery())`; // a standby has no unlogged rows

/**
 * Locks first, without waiting: pg_dump has its locks by now, so no table can be emptied between its reading and our
 * counting; and to queue behind somebody who waits for pg_dump would be to wait for the whole dump. A table that
 * cannot be locked or counted is an error line, and the others go on.
 */
function countSql(snapshot: string, limits: CountLimits): string {
  const few = `(SELECT count(*) FROM ${countedTables}) <= ${limits.tables}`;
  // Savepoints only once the snapshot is set: it has to come first in its transaction.
  return `${unlimited}${inSnapshot(
    snapshot,
    `\\set ON_ERROR_STOP 0
\\set ON_ERROR_ROLLBACK on
${listTables}
SELECT format('LOCK TABLE ONLY %I.%I IN ACCESS SHARE MODE NOWAIT', n.nspname, c.relname) FROM ${countedTables}
  AND pg_relation_size(c.oid) <= ${limits.tableBytes} AND ${readable} AND ${few} \\gexec
SELECT ${countOne} FROM ${countedTables} AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = pg_backend_pid()
  AND l.locktype = 'relation' AND l.relation = c.oid AND l.mode = 'AccessShareLock') \\gexec`,
  )}`;
}

/** Counts what a dump of the same snapshot holds. To be called while that dump runs and has its locks. */
export async function countRows(
  access: Access,
  target: { database: string; snapshot: string },
  limits: CountLimits,
): Promise<{ tables: TableCount[]; errors: string }> {
  const { output, errors } = await access.attempt(target.database, countSql(target.snapshot, limits));
  return { tables: readCounts(output), errors };
}

/** Puts listed tables and their counts together, in the order of the list. */
export function readCounts(output: string): TableCount[] {
  const listed: z.infer<typeof Listed>[] = [];
  const counted = new Map<number, number>();
  for (const text of output.split("\n")) {
    if (text === "") continue;
    const line = Line.parse(JSON.parse(text));
    if ("table" in line) listed.push(line.table);
    else counted.set(line.count.oid, line.count.rows);
  }
  return listed.map(({ oid, schema, name, bytes, estimate }) => {
    const exact = counted.get(oid);
    const rows = exact ?? (estimate < 0 ? null : Math.round(estimate));
    return { schema, name, bytes, rows, exact: exact !== undefined };
  });
}
