import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { quoteIdentifier, quoteLiteral } from "./access.ts";
import { controlDatabase } from "./names.ts";
import { openTarget, type Entrance, type PostgresTarget } from "./target.ts";

/**
 * What a restore has done, in a database of its own in the server. The swap commits its renames and its journal
 * together, so what is written here is what is so, wherever a restore was killed.
 */
const Journalled = z.object({
  name: z.string(),
  staged: z.string(), // what it is called before the swap, and after it was undone
  kept: z.string(), // what the database that was there is called after the swap
  existed: z.boolean(),
  open: z.boolean(), // the one that was there allowed connections
  state: z.enum(["staging", "staged", "swapped"]),
  properties: z.array(z.string()), // statements that the database gets with its name
  result: z.json(), // what comparing it gave
});
export type Journalled = z.infer<typeof Journalled>;

export const Before = z.object({ roles: z.array(z.string()), tablespaces: z.array(z.string()), globals: z.string() });
export const TableStep = z.object({ database: z.string(), schema: z.string(), name: z.string() });

export const Planned = z.array(z.string());

/**
 * What the globals were; the databases that are to be swapped together; the table that is replaced; and that what was
 * kept is being dropped, after which there is no way back.
 */
export type FactKey = "before" | "planned" | "table" | "finishing";

export class Journal {
  readonly access: Entrance;
  readonly database: string;

  constructor(access: Entrance, database: string) {
    this.access = access;
    this.database = database;
  }

  run(sql: string): Promise<string> {
    return this.access.script(this.database, sql);
  }

  async databases(): Promise<Journalled[]> {
    const sql = "SELECT coalesce(json_agg(to_json(r) ORDER BY name), '[]') FROM public.restored r;";
    return z.array(Journalled).parse(JSON.parse(await this.run(sql)));
  }

  async fact(key: FactKey): Promise<unknown> {
    const found = await this.run(`SELECT value::text FROM public.fact WHERE key = '${key}';`);
    return found.trim() === "" ? undefined : JSON.parse(found);
  }

  /** Keeps the first value: what was before a restore is not what a repetition of it finds. */
  async note(key: FactKey, value: unknown): Promise<void> {
    const json = quoteLiteral(JSON.stringify(value));
    await this.run(`INSERT INTO public.fact VALUES ('${key}', ${json}) ON CONFLICT (key) DO NOTHING;`);
  }

  async add(database: Journalled): Promise<void> {
    const json = quoteLiteral(JSON.stringify([database]));
    await this.run(`DELETE FROM public.restored WHERE name = ${quoteLiteral(database.name)};
INSERT INTO public.restored SELECT * FROM json_populate_recordset(NULL::public.restored, ${json});`);
  }
}

const tables = `BEGIN;
CREATE TABLE IF NOT EXISTS public.fact (key text PRIMARY KEY, value json NOT NULL);
CREATE TABLE IF NOT EXISTS public.restored (name text PRIMARY KEY, staged text NOT NULL, kept text NOT NULL,
  existed boolean NOT NULL, open boolean NOT NULL, state text NOT NULL, properties json NOT NULL, result json);
COMMIT;`;

/** Opens the journal of a restore; begins it where there is none. */
export async function beginJournal(target: PostgresTarget): Promise<Journal> {
  const found = await findJournal(target);
  if (found !== undefined) return found;
  const access = await openTarget(target);
  const name = quoteIdentifier(controlDatabase(target.restoreId));
  await access.script(
    access.database,
    `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';`,
  );
  const begun = await findJournal(target);
  if (begun === undefined) throw new BackupError("FAILED", `database ${name} was made and is not there`);
  return begun;
}

/** The journal of a restore; undefined when it was never begun, or is finished or undone. */
export async function findJournal(target: PostgresTarget): Promise<Journal | undefined> {
  const access = await openTarget(target);
  const name = controlDatabase(target.restoreId);
  if (!(await databaseExists(access, access.database, name))) return undefined;
  const own = await openTarget(target, name);
  await own.script(
    name,
    `REVOKE ALL ON DATABASE ${quoteIdentifier(name)} FROM PUBLIC;\nSET client_min_messages = warning;\n${tables}`,
  );
  return new Journal(own, name);
}

export async function dropJournal(target: PostgresTarget, journal: Journal): Promise<void> {
  const access = await openTarget(target);
  await dropDatabase(access, access.database, journal.database);
}

export async function databaseExists(access: Entrance, through: string, name: string): Promise<boolean> {
  const sql = `SELECT count(*) FROM pg_catalog.pg_database WHERE datname = ${quoteLiteral(name)};`;
  return (await access.query(through, sql)).trim() === "1";
}

/** Drops a database that may be there, a template or not, whoever is connected to it, even one half dropped. */
export async function dropDatabase(access: Entrance, through: string, name: string): Promise<void> {
  const found = `FROM pg_catalog.pg_database WHERE datname = ${quoteLiteral(name)}`;
  await access.script(
    through,
    `SELECT format('ALTER DATABASE %I IS_TEMPLATE false ALLOW_CONNECTIONS false', datname) ${found} AND datconnlimit <> -2 \\gexec
${endSessions([name])}
SELECT format('DROP DATABASE %I', datname) ${found} \\gexec
`,
  );
}

/** A statement that ends all connections to some databases and waits for their end, half a minute at most. */
export function endSessions(names: readonly string[]): string {
  const list = names.map(quoteLiteral).join(", ");
  const code = `DECLARE n bigint := 0; BEGIN
  FOR i IN 1..300 LOOP
    PERFORM pg_catalog.pg_stat_clear_snapshot();
    SELECT count(pg_catalog.pg_terminate_backend(pid)) INTO n FROM pg_catalog.pg_stat_activity
      WHERE datname IN (${list}) AND pid <> pg_catalog.pg_backend_pid();
    EXIT WHEN n = 0;
    PERFORM pg_catalog.pg_sleep(0.1);
  END LOOP;
  IF n > 0 THEN RAISE EXCEPTION '% connections to the databases do not end', n; END IF; END`;
  return `DO ${quoteLiteral(code)};`;
}
