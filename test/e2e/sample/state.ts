import type { PathFacts } from "../support/restore-point.ts";
import type { Stack, TableDigest } from "./stack.ts";

const volumes = ["data", "small", "large", "empty"];

/** What the sources themselves say they hold, while nobody writes. */
export interface Observed {
  readonly tables: readonly TableDigest[];
  readonly trees: ReadonlyMap<string, PathFacts[]>; // by the volume's short name, without sockets
}

export async function observe(stack: Stack): Promise<Observed> {
  const trees = new Map<string, PathFacts[]>();
  for (const volume of volumes) {
    const text = await stack.inside("files", "sample-files", "fingerprint", `/srv/${volume}`);
    const paths = text.split("\n").map(toFacts);
    trees.set(
      volume,
      paths.filter(({ type }) => type !== "socket"),
    );
  }
  return { tables: await stack.fingerprint("erlmcp"), trees };
}

function toFacts(line: string): PathFacts {
  const { allocated: _allocated, links: _links, ...facts } = JSON.parse(line);
  return facts;
}

/** The schema and rows of a database as text; what differs from run to run is left out. */
export async function databaseText(stack: Stack, database: string): Promise<string> {
  const text = await stack.inside("postgres", "pg_dump", "--username=postgres", database);
  return text.replaceAll(/^(\\restrict|\\unrestrict|-- Dumped).*$/gm, "");
}

/**
 * Changes some of every kind of thing.
 *
 * @param round a number of its own each time
 * @param before the round whose table goes
 */
export async function changeEverything(stack: Stack, round: number, before?: number): Promise<void> {
  await changeTables(stack, round, before);
  const change = [
    "change",
    "--modify",
    "3",
    "--append",
    "3",
    "--chmod",
    "3",
    "--rename",
    "3",
    "--delete",
    "3",
    "--add",
    "3",
  ];
  await stack.inside("files", "sample-files", ...change, "--version", String(round + 1));
  const sql = `CREATE TABLE made_${round} AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, 500) g`;
  await stack.inside("postgres", "psql", "--username=postgres", "--dbname=reports", "-c", sql);
}

/** The part of it that a node of Erlang holds. */
export async function changeTables(stack: Stack, round: number, before?: number): Promise<void> {
  const version = String(round + 1);
  const post = (path: string) => stack.control("erlmcp", "POST", path);
  await post(`/rows?op=update&component=mnesia&table=account&count=20&from=5&version=${version}`);
  await post(`/rows?op=append&component=mnesia&table=account&count=7&version=${version}`);
  await post(`/rows?op=delete&component=ets&table=erlmcp_sessions&count=9&from=${round * 20 + 1}`);
  await post(`/rows?op=scatter&component=ets&table=erlmcp_tools&count=10&every=7&version=${version}`);
  await post(`/table?op=create&component=mnesia&table=made_${round}&rows=50`);
  if (before !== undefined) await post(`/table?op=delete&component=mnesia&table=made_${before}`);
}
