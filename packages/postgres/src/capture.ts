import { randomUUID } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import type { Engine } from "@erlmcp/docker";
import type { CaptureSink, SourceResult } from "@erlmcp/entry";
import { openAccess, type Access } from "./access.ts";
import { countRows, defaultCountLimits, type CountLimits, type TableCount } from "./counts.ts";
import { storeOutput } from "./dump.ts";
import { databaseFacts, listDatabases, readServer, type ServerFacts } from "./facts.ts";
import { storeGlobals, type Globals } from "./globals.ts";
import { planDatabases, type PlannedDatabase } from "./plan.ts";
import { holdSnapshot, type HeldSnapshot } from "./snapshot.ts";

export interface PostgresCapture {
  engine: Pick<Engine, "exec" | "run">;
  source: {
    name: string; // for the ledger
    container: { id: string; name: string };
    settings: { user: string | undefined; databases: readonly string[] | undefined };
  };
  sink: CaptureSink;
  signal: AbortSignal;
  limits?: CountLimits | undefined;
  token?: string | undefined; // makes our connections tellable from any other; a UUID by default
}

/** How many snapshots are held at once, a connection each. Further databases take theirs when their turn comes. */
const heldAtOnce = 32;
/** A dump that waits longer for a table's lock fails, and says so, rather than wait for ever. */
const lockWaitMs = 300_000;

interface Work {
  access: Access;
  server: ServerFacts;
  sink: CaptureSink;
  source: string;
  limits: CountLimits;
  signal: AbortSignal;
}

/** A snapshot, or why there is none. */
type Taken = { snapshot: HeldSnapshot } | { error: BackupError };

/**
 * Captures every database of one server, each as of one transaction's snapshot, and the globals. All snapshots are
 * taken before the first dump begins, so that they are as close to each other as a server without a common snapshot
 * of its databases allows; how close is in the facts. A database that fails is in the ledger, and the others go on.
 *
 * @throws BackupError SOURCE_FAILED when the server cannot be reached or nothing of it could be captured
 */
export async function capturePostgres(capture: PostgresCapture): Promise<SourceResult> {
  const { engine, source, sink, signal } = capture;
  const application = `erlmcp-backup-${capture.token ?? randomUUID()}`;
  const failed = new AbortController();
  const { container, settings } = source;
  const all = AbortSignal.any([signal, failed.signal]);
  const access = await openAccess({ engine, container, user: settings.user, application, signal: all });
  try {
    const server = await readServer(access, access.database);
    const limits = capture.limits ?? defaultCountLimits;
    const work: Work = { access, server, sink, source: source.name, limits, signal };
    const { dumped, leftOut } = planDatabases(await listDatabases(access, access.database), settings.databases);
    for (const line of leftOut) sink.ledger({ component: "postgres", source: source.name, ...line });
    return await captureAll(work, dumped, access.database);
  } catch (error) {
    failed.abort(error);
    await access.end();
    throw error;
  }
}

async function captureAll(work: Work, dumped: readonly PlannedDatabase[], database: string): Promise<SourceResult> {
  const taken = await takeSnapshots(work.access, dumped.slice(0, heldAtOnce));
  const globals = await storeGlobals(work, database);
  const moments: string[] = [];
  for (const [at, planned] of dumped.entries()) {
    work.signal.throwIfAborted();
    const held = taken[at] ?? (await takeSnapshot(work.access, planned));
    const takenAt = await captureDatabase(work, planned, held);
    if (takenAt !== undefined) moments.push(takenAt);
  }
  if (globals !== undefined) await finishGlobals(work, globals);
  if (moments.length === 0 && dumped.length > 0) {
    throw new BackupError("SOURCE_FAILED", `${work.source}: no database could be dumped`, {
      hint: "The ledger in the receipt has the reason for each.",
    });
  }
  return { facts: { server: work.server, databases: moments.length, spread: spreadOf(moments) } };
}

async function finishGlobals(work: Work, globals: Globals): Promise<void> {
  await work.sink.entry(globals.entry);
  work.sink.ledger(globals.line);
}

function takeSnapshots(access: Access, databases: readonly PlannedDatabase[]): Promise<Taken[]> {
  return Promise.all(databases.map((planned) => takeSnapshot(access, planned)));
}

async function takeSnapshot(access: Access, { database }: PlannedDatabase): Promise<Taken> {
  try {
    return { snapshot: await holdSnapshot(access, database.name) };
  } catch (error) {
    if (error instanceof BackupError && error.code === "SOURCE_FAILED") return { error };
    throw error;
  }
}

/** @returns when its snapshot was taken; undefined when it failed, and is in the ledger as such */
async function captureDatabase(work: Work, planned: PlannedDatabase, taken: Taken): Promise<string | undefined> {
  const { name } = planned.database;
  try {
    if ("error" in taken) throw taken.error;
    await storeDatabase(work, planned, taken.snapshot);
    await taken.snapshot.release();
    return taken.snapshot.takenAt;
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "SOURCE_FAILED") throw error;
    work.sink.ledger({ component: "postgres", source: work.source, name, verdict: "failed", reason: error.message });
    if ("snapshot" in taken) await taken.snapshot.release();
    return undefined;
  }
}

async function storeDatabase(work: Work, { database, path }: PlannedDatabase, snapshot: HeldSnapshot): Promise<void> {
  const { access, sink, source } = work;
  const { name } = database;
  const notes: string[] = [];
  const args = ["--format=custom", "--compress=0", "--no-password", `--lock-wait-timeout=${lockWaitMs}`];
  const exec = await access.program("pg_dump", [...args, `--snapshot=${snapshot.id}`], name);
  let counting: Promise<{ tables: TableCount[]; errors: string }> | undefined;
  const begun = (): void => {
    counting = countRows(access, { database: name, snapshot: snapshot.id }, work.limits);
    counting.catch(() => undefined); // awaited below, when the dump is whole
  };
  const what = `pg_dump of database ${name}`;
  const content = await storeOutput(sink, exec, { what, archive: true, begun, warn: (line) => notes.push(line) });
  const { tables, errors } = (await counting) ?? { tables: [], errors: "" };
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  notes.push(...countNotes(tables, errors));
  const moment = { takenAt: snapshot.takenAt, lsn: snapshot.lsn };
  const { sequences = [], ...contents } = snapshot.contents;
  const facts = { format: "custom", ...databaseFacts(database), ...contents, sequences, snapshot: moment, tables };
  await sink.entry({ kind: "dump", path, facts, content });
  const line = { component: "postgres", source, name, verdict: "captured", grade: "transactional" } as const;
  sink.ledger({ ...line, rows, bytes: content.bytes, ...(notes.length > 0 && { notes }) });
}

function countNotes(tables: readonly TableCount[], errors: string): string[] {
  const estimated = tables.filter(({ exact }) => !exact).length;
  const notes = estimated === 0 ? [] : [`rows of ${estimated} of ${tables.length} tables are the server's estimate`];
  const complaint = errors.split("\n").find((line) => line.includes("ERROR"));
  return complaint === undefined ? notes : [...notes, `counting: ${complaint.trim()}`];
}

/** The first and the last snapshot by the server's clock. */
function spreadOf(moments: readonly string[]): { first: string; last: string } | null {
  const ordered = moments.toSorted((a, b) => Date.parse(a) - Date.parse(b));
  const [first, last] = [ordered[0], ordered.at(-1)];
  return first === undefined || last === undefined ? null : { first, last };
}
