import { BackupError } from "@erlmcp/errors";
import { explain, quoteIdentifier } from "./access.ts";
import type { Archive } from "./archive.ts";
import { briefly, namePattern, readName, splitStatements } from "./statements.ts";

/** What an archive says of the database as such. */
export interface DatabaseProperties {
  /** CREATE DATABASE with encoding and locale, under another name. */
  create: (name: string) => string;
  /** Owner, privileges, comment, settings, connection limit: by the database's own name. */
  statements: string[];
}

const listed = /^\d+; \d+ \d+ (?:DATABASE|DATABASE PROPERTIES|(?:ACL|COMMENT|SECURITY LABEL) - DATABASE) /;

/** The archive's list, and from it what concerns the database itself: pg_restore leaves that out unless it makes one. */
export async function readProperties(archive: Archive, name: string): Promise<DatabaseProperties> {
  const what = `the dump of database ${name}`;
  const list = await archive.run(["--list", "--create"]);
  if (list.exitCode !== 0) throw new BackupError("CORRUPT", `${what}: ${explain(list)}`);
  const lines = list.stdout.toString("utf8").split("\n");
  const chosen = lines.filter((line) => listed.test(line)).join("\n");
  if (chosen === "") throw new BackupError("CORRUPT", `${what}: it describes no database`);
  const printed = await archive.print(chosen, ["--create", "--file=-"]);
  if (printed.exitCode !== 0) throw new BackupError("CORRUPT", `${what}: ${explain(printed)}`);
  return sortProperties(printed.stdout.toString("utf8"), name);
}

const create = new RegExp(`^CREATE DATABASE ${namePattern} WITH `);
const ignored = [/^SET (?!SESSION AUTHORIZATION )/, /^SELECT pg_catalog\.set_config\(/];
const applied = [
  /^SET SESSION AUTHORIZATION /,
  /^RESET SESSION AUTHORIZATION$/,
  new RegExp(`^ALTER DATABASE ${namePattern} `),
  new RegExp(`^COMMENT ON DATABASE ${namePattern} `),
  new RegExp(`^SECURITY LABEL FOR \\S+ ON DATABASE ${namePattern} `),
  new RegExp(`^(?:GRANT|REVOKE) .* ON DATABASE ${namePattern} `),
  new RegExp(`^ALTER ROLE ${namePattern} IN DATABASE ${namePattern} `),
];

/** @throws BackupError CORRUPT when there is a statement of another kind, or none that makes the database */
export function sortProperties(script: string, name: string): DatabaseProperties {
  const what = `the dump of database ${name}`;
  const statements: string[] = [];
  let made: string | undefined;
  for (const statement of splitStatements(script, what)) {
    const { text } = statement;
    const own = create.exec(text)?.[1];
    if (own !== undefined && readName(own) === name) made = text.slice(`CREATE DATABASE ${own}`.length);
    else if (applied.some((pattern) => pattern.test(text))) statements.push(text);
    else if (!ignored.some((pattern) => pattern.test(text))) {
      throw new BackupError("CORRUPT", `${what}: it holds a statement of an unknown kind: ${briefly(statement)}`);
    }
  }
  const rest = made;
  if (rest === undefined) throw new BackupError("CORRUPT", `${what}: it describes another database`);
  return { create: (staged) => `CREATE DATABASE ${quoteIdentifier(staged)}${rest}`, statements };
}
