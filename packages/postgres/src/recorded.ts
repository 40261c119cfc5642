import type { DumpEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { TableCount } from "./counts.ts";
import { DatabaseContents, ServerFacts } from "./facts.ts";

/** What a capture recorded of one database. Sizes are bytes. */
const DatabaseFacts = z.object({
  name: z.string().min(1),
  owner: z.string(),
  encoding: z.string(),
  tablespace: z.string(),
  collate: z.string(),
  ctype: z.string(),
  provider: z.string().nullable(),
  locale: z.string().nullable(),
  ...DatabaseContents.shape,
  tables: z.array(TableCount),
});
export type DatabaseFacts = z.infer<typeof DatabaseFacts>;

export interface RecordedDatabase {
  entry: DumpEntry;
  facts: DatabaseFacts;
}

/** What a source of a restore point holds, as entries and the manifest have it. */
export interface RecordedSource {
  facts: Readonly<Record<string, unknown>>; // of the source, as the capture gave them
  globals: DumpEntry | undefined; // the entry `globals`; undefined when the capture could not have them
  databases: readonly DumpEntry[]; // the entries `databases/…`
}

export interface Recorded {
  server: ServerFacts;
  globals: DumpEntry | undefined;
  passwords: boolean; // the globals hold those of the roles
  databases: RecordedDatabase[];
}

/** @throws BackupError CORRUPT when the facts are not those of a capture */
export function readRecorded({ facts, globals, databases }: RecordedSource): Recorded {
  const server = ServerFacts.safeParse(facts["server"]);
  if (!server.success) throw corrupt("the facts of the server");
  return {
    server: server.data,
    globals,
    passwords: globals?.facts["passwords"] === true,
    databases: databases.map((entry) => {
      const read = DatabaseFacts.safeParse(entry.facts);
      if (!read.success) throw corrupt(`the facts of ${typeof entry.path === "string" ? entry.path : "a dump"}`);
      return { entry, facts: read.data };
    }),
  };
}

function corrupt(what: string): BackupError {
  return new BackupError("CORRUPT", `${what} are not those of a PostgreSQL capture`, {
    hint: "Take another restore point, or a newer version of this job.",
  });
}

/** One table, by database, schema and name. */
export interface TableName {
  database: string;
  schema: string;
  name: string;
}

/**
 * Reads `database.schema.table`; a part with dots, quotes or blanks in it stands in double quotes.
 *
 * @throws BackupError USAGE
 */
export function parseTableName(written: string): TableName {
  const parts = /^("(?:[^"]|"")+"|[^".]+)\.("(?:[^"]|"")+"|[^".]+)\.("(?:[^"]|"")+"|[^".]+)$/.exec(written);
  const [database, schema, name] = (parts ?? []).slice(1).map(unquoted);
  if (database === undefined || schema === undefined || name === undefined) {
    throw new BackupError("USAGE", `${written} names no table of PostgreSQL`, {
      hint: 'Give database.schema.table; put a part that holds a dot into double quotes: app."my.schema".account.',
    });
  }
  return { database, schema, name };
}

function unquoted(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part;
}

/**
 * The databases that are wanted, all of them when none is named.
 *
 * @throws BackupError NOT_FOUND naming those that the restore point lacks
 */
export function chooseDatabases(recorded: Recorded, wanted: readonly string[] | undefined): RecordedDatabase[] {
  if (wanted === undefined) return recorded.databases;
  const missing = wanted.filter((name) => !recorded.databases.some(({ facts }) => facts.name === name));
  if (missing.length === 0) return recorded.databases.filter(({ facts }) => wanted.includes(facts.name));
  const known = recorded.databases.map(({ facts }) => facts.name).join(", ");
  throw new BackupError("NOT_FOUND", `the restore point holds no database ${missing.join(", ")}`, {
    hint: `It holds ${known || "none"}.`,
  });
}
