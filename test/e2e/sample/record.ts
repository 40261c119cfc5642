import type { Stack, TableDigest } from "./stack.ts";

/** Everything that an installation holds, as its own programs tell it: independent of any backup. */
export interface SystemRecord {
  readonly tables: Readonly<Record<string, TableDigest>>; // by service, component, name and rows
  readonly paths: Readonly<Record<string, unknown>>; // by volume and path
  readonly config: Readonly<Record<string, string>>; // by service
  readonly databases: Readonly<Record<string, string>>; // as SQL; roles and the list of databases beside them
}

const volumes = ["data", "small", "large", "empty"];

/**
 * Records what an installation holds. Exact only while nobody writes.
 *
 * @param services those that are up; the databases and files of others are not asked for
 */
export async function record(stack: Stack, services: readonly string[]): Promise<SystemRecord> {
  const nodes = services.filter((service) => service.startsWith("erlmcp"));
  const tables: Record<string, TableDigest> = {};
  const config: Record<string, string> = {};
  for (const node of nodes) {
    for (const table of await stack.fingerprint(node)) {
      tables[`${node} ${table.component} ${table.name} ${tableKey(table)}`] = comparable(table);
    }
    config[node] = await stack.inside(node, "sh", "-c", configScript);
  }
  const paths = services.includes("files") ? await recordPaths(stack) : {};
  const databases = services.includes("postgres") ? await recordDatabases(stack) : {};
  return { tables, paths, config, databases };
}

/** Two unnamed tables of one name are told apart by what they are. */
function tableKey({ type, protection = "", rows, name }: TableDigest): string {
  return name === "erlmcp_shard" ? `${type} ${protection} ${rows}` : "";
}

/** Another VM writes closures otherwise: of the table that holds some only the rows are compared. */
function comparable(table: TableDigest): TableDigest {
  return table.name === "erlmcp_handles" ? { ...table, digest: "" } : table;
}

/** Times in whole seconds: the engine's archives, by which configuration comes and goes, have no finer ones. */
const configScript = `cd /etc/erlmcp && find . -printf '%p %y %m %U %G %T@ %l\\n' | sed -E 's/ ([0-9]{10})[.][0-9]+ / \\1 /' | sort &&
find . -type f | sort | xargs -d '\\n' sha256sum`;

async function recordPaths(stack: Stack): Promise<Record<string, unknown>> {
  const script = volumes.map((volume) => `echo '${volume}' && sample-files fingerprint /srv/${volume}`).join(" && ");
  const text = await stack.inside("files", "sh", "-c", script);
  const paths: Record<string, unknown> = {};
  let volume = "";
  for (const line of text.split("\n").filter((one) => one !== "")) {
    if (volumes.includes(line)) volume = line;
    else add(paths, volume, JSON.parse(line));
  }
  return paths;
}

interface Fingerprint {
  readonly path: string;
  readonly type: string;
  readonly links: number;
  readonly size?: number;
  readonly allocated?: number; // bytes
}

/** How many blocks a file takes is its file system's own affair; that it has holes is not. */
function add(paths: Record<string, unknown>, volume: string, facts: Fingerprint): void {
  const { allocated = 0, links, ...rest } = facts;
  if (rest.type === "socket") return; // dead without its process, and not captured
  const { size = 0 } = rest;
  const sparse = size > 1024 * 1024 && allocated < size / 2;
  paths[`${volume} ${rest.path}`] = { ...rest, sparse, links: rest.type === "folder" ? 0 : links };
}

export const databases = ["erlmcp", "reports", "legacy", "Übung čšž", "vacant"];

const psql = "psql --username=postgres --no-psqlrc --tuples-only --no-align";
const listDatabases = `SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocprovider, datcollate,
  datlocale, ARRAY(SELECT unnest(datacl)::text ORDER BY 1), datallowconn, datconnlimit, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY datname`;

async function recordDatabases(stack: Stack): Promise<Record<string, string>> {
  const names = databases.map((name) => `'${name}'`).join(" ");
  const script = `set -e; for name in ${names}; do
  echo "=== database $name"; pg_dump --username=postgres "$name"; done
echo "=== roles"; pg_dumpall --username=postgres --globals-only
echo "=== databases"; ${psql} --command "$1"`;
  const text = await stack.inside("postgres", "sh", "-c", script, "sh", listDatabases);
  const plain = text.replaceAll(/^(\\restrict|\\unrestrict|-- Dumped|-- Started|-- Completed).*$/gm, "");
  const parts = plain.split(/^=== /m).slice(1);
  return Object.fromEntries(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end), withoutOwnPassword(part.slice(end))];
    }),
  );
}

/** A restore leaves the role alone as which it is connected: whoever moves keeps the key to the new house. */
function withoutOwnPassword(text: string): string {
  return text.replaceAll(/^ALTER ROLE postgres WITH .*$/gm, "");
}
