import type { Component, Entry } from "@erlmcp/entry";
import { bytesOf } from "@erlmcp/entry";
import { isPartOfTable } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import type { ManifestSource } from "@erlmcp/manifest";
import type { RestorePoint } from "@erlmcp/restore-point";
import type { Selection } from "./cli.ts";

/** What is restored of one source. Undefined lists: all of it. */
export interface Part {
  readonly source: ManifestSource;
  readonly tables: readonly string[] | undefined; // paths of the entry stream; SCHEMA.NAME for PostgreSQL
  readonly databases: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined; // of files and folders, relative to the source's root
}

type Opened = Pick<RestorePoint, "entries"> & {
  readonly manifest: { contents: { sources: readonly ManifestSource[] } };
};

const erlang = new Set<Component>(["ets", "dets", "mnesia"]);

/**
 * Which parts of a restore point are meant: what is named one by one, and the whole of every component of --only of which
 * nothing is named. Whatever is named and not there is an error: a restore that leaves out what
 * was asked for would be believed.
 *
 * @throws BackupError NOT_FOUND, USAGE (a name that means several things)
 */
export async function selectParts(point: Opened, select: Selection): Promise<Part[]> {
  const sources = point.manifest.contents.sources.filter(({ component }) => select.only?.has(component) ?? true);
  for (const component of select.only ?? []) {
    if (!sources.some((source) => source.component === component)) {
      throw missing(`the restore point holds nothing of ${component}`);
    }
  }
  const { tables, databases, volumes, paths } = select;
  if (tables.length + databases.length + volumes.length + paths.length === 0) return sources.map(whole);
  const chosen = new Choice();
  for (const name of databases) chosen.add(await findDatabase(point, sources, name));
  for (const name of tables) chosen.add(await findTable(point, sources, { name, databases }));
  for (const name of volumes) if (paths.length === 0) chosen.add(whole(findVolume(sources, name)));
  for (const path of paths) chosen.add(await findPath(point, sources, { path, volumes }));
  const named = new Set(chosen.parts().map(({ source }) => source.component));
  for (const source of select.only === undefined ? [] : sources)
    if (!named.has(source.component)) chosen.add(whole(source));
  requireUse(sources, { select, parts: chosen.parts() });
  return chosen.parts();
}

/** Beside tables, --database only says where they are, and --volume beside paths: one that none of them is in is a mistake. */
function requireUse(
  sources: readonly ManifestSource[],
  { select, parts }: { select: Selection; parts: readonly Part[] },
): void {
  const { databases, volumes, paths } = select;
  const inDatabases = parts.filter(({ tables, source }) => tables !== undefined && source.component === "postgres");
  for (const name of inDatabases.length > 0 ? databases : []) {
    const used = parts.some(({ tables, databases: inFull }) =>
      tables === undefined ? inFull?.includes(name) : tables.some((table) => table.startsWith(`${quoted(name)}.`)),
    );
    if (!used) throw unused(`--database=${name}`, "--table");
  }
  for (const name of paths.length > 0 ? volumes : []) {
    const source = findVolume(sources, name);
    if (!parts.some((part) => part.source === source)) throw unused(`--volume=${name}`, "--path");
  }
}

function unused(flag: string, beside: string): BackupError {
  return new BackupError("USAGE", `${flag} would not be restored: no ${beside} is in it`, {
    hint: `Beside ${beside} it only says where that is. Restore the whole of it in a run of its own.`,
  });
}

/** Whether a part wants an entry of its source. A database's globals come with every database. */
export function takes(part: Part, entry: Entry): boolean {
  if (entry.kind === "table") return part.tables?.includes(pathText(entry)) ?? true;
  if (entry.kind !== "dump" || part.databases === undefined) return true;
  const { name } = entry.facts;
  return typeof name !== "string" || part.databases.includes(name);
}

/** All of a source. */
export function whole(source: ManifestSource): Part {
  return { source, tables: undefined, databases: undefined, paths: undefined };
}

/** Gathers parts, those of one source together. */
class Choice {
  readonly #parts = new Map<ManifestSource, Part>();

  add(part: Part): void {
    const before = this.#parts.get(part.source);
    this.#parts.set(part.source, before === undefined ? part : joined(before, part));
  }

  parts(): Part[] {
    return [...this.#parts.values()];
  }
}

/** A database and a table in it: the table alone. */
function joined(a: Part, b: Part): Part {
  return {
    source: a.source,
    tables: union(a.tables, b.tables),
    databases: union(a.databases, b.databases),
    paths: union(a.paths, b.paths),
  };
}

function union(a: readonly string[] | undefined, b: readonly string[] | undefined): readonly string[] | undefined {
  return a === undefined && b === undefined ? undefined : [...new Set([...(a ?? []), ...(b ?? [])])];
}

async function findDatabase(point: Opened, sources: readonly ManifestSource[], name: string): Promise<Part> {
  const found: Part[] = [];
  for (const source of sources.filter(({ component }) => component === "postgres")) {
    for await (const entry of point.entries(source)) {
      if (entry.kind === "dump" && entry.facts["name"] === name) found.push({ ...whole(source), databases: [name] });
    }
  }
  return only(found, `database ${name}`);
}

async function findTable(
  point: Opened,
  sources: readonly ManifestSource[],
  { name, databases }: { name: string; databases: readonly string[] },
): Promise<Part> {
  const match = /^(ets|dets|mnesia|postgres):(.+)$/s.exec(name);
  const wanted = match?.[2] ?? name;
  const found: Part[] = [];
  for (const source of sources) {
    if (match !== null && source.component !== match[1]) continue;
    if (!erlang.has(source.component) && source.component !== "postgres") continue;
    for await (const entry of point.entries(source)) {
      if (isTable(entry, wanted, source)) found.push({ ...whole(source), tables: [pathText(entry)] });
      for (const one of databaseTables(entry, wanted, databases)) found.push({ ...whole(source), ...one });
    }
  }
  return oneTable(found, wanted);
}

/** The copies of a table with local content belong to one table; every other name must mean one thing. */
function oneTable(found: readonly Part[], wanted: string): Part {
  const [first] = found;
  const oneSource = first !== undefined && found.every(({ source }) => source === first.source);
  if (oneSource && first.source.component === "mnesia") return found.reduce(joined);
  return only(found, `table ${wanted}`);
}

/** The fragments of a Mnesia table are one table. */
function isTable(entry: Entry, wanted: string, { component }: ManifestSource): boolean {
  if (entry.kind !== "table") return false;
  if (component === "mnesia")
    return isPartOfTable(entry, wanted) || (entry.path !== "schema" && pathText(entry) === wanted);
  return entry.facts["name"] === wanted || pathText(entry) === wanted;
}

/** The tables of a dumped database that are called so, by their name or their schema's and their own. */
function databaseTables(
  entry: Entry,
  wanted: string,
  databases: readonly string[],
): Required<Pick<Part, "tables" | "databases">>[] {
  if (entry.kind !== "dump") return [];
  const { name: database, tables } = entry.facts;
  if (typeof database !== "string" || !Array.isArray(tables)) return [];
  if (databases.length > 0 && !databases.includes(database)) return [];
  return tables.flatMap((table) => {
    if (typeof table !== "object" || table === null || Array.isArray(table)) return [];
    const { schema, name } = table;
    if (typeof name !== "string" || typeof schema !== "string") return [];
    if (name !== wanted && `${schema}.${name}` !== wanted) return [];
    return [{ tables: [[database, schema, name].map(quoted).join(".")], databases: [database] }];
  });
}

/** As PostgreSQL writes names. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function findVolume(sources: readonly ManifestSource[], name: string): ManifestSource {
  const volumes = sources.filter(({ component }) => component === "volumes");
  const exact = volumes.filter((source) => source.name === name);
  return onlySource(
    exact.length > 0 ? exact : volumes.filter((source) => shortNames(source).includes(name)),
    `volume ${name}`,
  );
}

/** What the Compose file calls a source's volume. */
function shortNames({ facts }: ManifestSource): string[] {
  const { volumes } = facts;
  if (!Array.isArray(volumes)) return [];
  return volumes.flatMap((volume) => {
    const short = typeof volume === "object" && volume !== null && !Array.isArray(volume) && volume["short_name"];
    return typeof short === "string" ? [short] : [];
  });
}

async function findPath(
  point: Opened,
  sources: readonly ManifestSource[],
  { path, volumes }: { path: string; volumes: readonly string[] },
): Promise<Part> {
  const trees = sources.filter(({ component }) => component === "volumes" || component === "config");
  const colon = path.indexOf(":");
  const named = colon < 0 ? undefined : trees.filter((source) => isNamed(source, path.slice(0, colon)));
  const explicit = named !== undefined && named.length > 0;
  const wanted = normal(explicit ? path.slice(colon + 1) : path);
  const among = explicit ? named : volumes.length === 0 ? trees : volumes.map((name) => findVolume(sources, name));
  const found: Part[] = [];
  for (const source of among) {
    for await (const entry of point.entries(source)) {
      if (pathText(entry) !== wanted) continue;
      found.push({ ...whole(source), paths: [wanted] });
      break;
    }
  }
  return only(found, `path ${path}`);
}

function isNamed(source: ManifestSource, name: string): boolean {
  return source.name === name || shortNames(source).includes(name);
}

/** Paths of entries have no slash at either end. */
function normal(path: string): string {
  return path.replaceAll(/\/+/g, "/").replace(/^\//, "").replace(/\/$/, "");
}

function pathText(entry: Entry): string {
  return bytesOf(entry.path).toString("utf8");
}

function onlySource(found: readonly ManifestSource[], what: string): ManifestSource {
  return only(found.map(whole), what).source;
}

function only(found: readonly Part[], what: string): Part {
  const [first, second] = found;
  if (first === undefined) throw missing(`the restore point has no ${what}`);
  if (second === undefined) return first;
  const names = found.map(({ source, tables }) =>
    source.component === "postgres" && tables !== undefined ? tables.join() : `${source.component} ${source.name}`,
  );
  throw new BackupError("USAGE", `${what} is in ${names.join(" and in ")}`, {
    hint: "Name the component, as in mnesia:account, the --database or the --volume too.",
  });
}

function missing(message: string): BackupError {
  return new BackupError("NOT_FOUND", message, { hint: "restore ID --dry-run shows what it holds." });
}
