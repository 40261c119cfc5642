import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { defaultArchiveLimits, removeTemporary, type ArchiveLimits, type Read } from "./archive.ts";
import { listDatabases } from "./facts.ts";
import { beginJournal, findJournal, type Journal } from "./journal.ts";
import {
  chooseDatabases,
  parseTableName,
  readRecorded,
  type Recorded,
  type RecordedDatabase,
  type RecordedSource,
  type TableName,
} from "./recorded.ts";
import { restoreGlobals } from "./restore-globals.ts";
import { assessRestore, readServerState, type PostgresRestorePlan } from "./restore-plan.ts";
import { requireTable, restoreTable, tableProblems, type RestoredTable } from "./restore-table.ts";
import { readRoom } from "./room.ts";
import { stageDatabase } from "./stage.ts";
import { swapIn } from "./swap.ts";
import { openTarget, type PostgresTarget } from "./target.ts";

export interface PostgresRestore {
  target: PostgresTarget;
  source: RecordedSource;
  read: Read;
  /** Just these; all of the restore point by default. Roles that exist are then left as they are. */
  databases?: readonly string[] | undefined;
  /** Just the rows of this one: `database.schema.table`. */
  table?: string | undefined;
  limits?: Partial<ArchiveLimits> | undefined;
}

const Result = z.object({
  tables: z.int(),
  rows: z.int(),
  uncounted: z.int(),
  sequences: z.int(),
  extensions: z.int(),
  notes: z.array(z.string()),
});

export interface RestoredDatabase extends z.infer<typeof Result> {
  name: string;
  staged: string; // what it is called before the swap
  kept: string | undefined; // what the one that was there is called after it; undefined when there was none
  swapped: boolean;
}

export interface PostgresRestored {
  databases: RestoredDatabase[];
  table: RestoredTable | undefined;
  roles: number; // of the restore point, that are there
  notes: string[];
}

/**
 * Looks whether a restore would work, and changes nothing.
 *
 * @throws BackupError NOT_FOUND (no such database or table in the restore point), USAGE, SOURCE_FAILED (the server
 *   cannot be reached)
 */
export async function planPostgresRestore(restore: PostgresRestore): Promise<PostgresRestorePlan> {
  const wanted = readWanted(restore);
  const access = await openTarget(restore.target);
  const state = await readServerState(access, wanted.recorded, wanted.chosen);
  const { restoreId } = restore.target;
  const { recorded, chosen, table } = wanted;
  if (table === undefined) return assessRestore(recorded, state, { chosen, restoreId });
  const beside = 2 * bytesOf(chosen, table); // as restored, and as they were
  const room = { needBytes: beside, leastBytes: 0 };
  const plan = assessRestore(recorded, { ...state, busy: [] }, { chosen, restoreId, room });
  return { ...plan, problems: [...plan.problems, ...(await tableProblems(access, table))] };
}

function bytesOf(chosen: readonly RecordedDatabase[], table: TableName): number {
  const tables = chosen.flatMap(({ facts }) => facts.tables);
  return tables.find(({ schema, name }) => schema === table.schema && name === table.name)?.bytes ?? 0;
}

interface Wanted {
  recorded: Recorded;
  chosen: RecordedDatabase[];
  table: TableName | undefined;
}

function readWanted({ source, databases, table: written }: PostgresRestore): Wanted {
  const recorded = readRecorded(source);
  if (written === undefined) return { recorded, chosen: chooseDatabases(recorded, databases), table: undefined };
  const table = parseTableName(written);
  const chosen = chooseDatabases(recorded, [table.database]);
  for (const database of chosen) requireTable(database, table);
  return { recorded, chosen, table };
}

/**
 * Restores roles, then each database beside the one of its name, and compares it; what clients see does not change but
 * for roles. Databases that are restored already are not restored again, so that a killed restore can be repeated.
 *
 * @throws BackupError CONFIG_INVALID naming the plan's problems, before anything is changed; FAILED with the server's
 *   words, CORRUPT when a dump is not whole or has other rows than its counts say. `undoPostgresRestore` puts things back.
 */
export async function stagePostgresRestore(restore: PostgresRestore): Promise<PostgresRestored> {
  const wanted = readWanted(restore);
  if (wanted.table !== undefined) throw new BackupError("USAGE", "one table is not staged: it is restored at once");
  await refuseProblems(restore);
  return guarded(restore.target, async (target) => {
    const journal = await begin(target);
    await journal.note(
      "planned",
      wanted.chosen.map(({ facts }) => facts.name),
    );
    const mode = restore.databases === undefined ? "all" : "missing";
    const { notes, roles } = await restoreGlobals(journal, { recorded: wanted.recorded, read: restore.read, mode });
    const room = await readRoom(journal.access);
    const existing = await listDatabases(journal.access, journal.database);
    const before = await journal.databases();
    const done = new Set(before.filter(({ state }) => state !== "staging").map(({ name }) => name));
    const limits = { ...defaultArchiveLimits, ...restore.limits };
    const work = { journal, room, restoreId: target.restoreId, read: restore.read, limits, existing, done };
    for (const recorded of wanted.chosen) await stageDatabase(work, recorded);
    return { databases: await report(journal), table: undefined, roles, notes };
  });
}

/**
 * Gives the restored databases their names, all or none; clients are cut off for that moment.
 *
 * @throws BackupError NOT_FOUND when nothing is staged under this ID, FAILED when it could not be: all is then as before
 */
export async function swapPostgresRestore(target: PostgresTarget): Promise<RestoredDatabase[]> {
  return guarded(target, async (own) => {
    const journal = await findJournal(own);
    if (journal === undefined) throw new BackupError("NOT_FOUND", `no restore ${own.restoreId} is under way`);
    await swapIn(journal);
    return report(journal);
  });
}

/**
 * Restores databases and roles, or one table, to a running server. What was there is kept until
 * `finishPostgresRestore`, and comes back with `undoPostgresRestore`; after a failure or a kill, either repeat or undo.
 */
export async function restorePostgres(restore: PostgresRestore): Promise<PostgresRestored> {
  if (restore.table !== undefined) return restoreOneTable(restore);
  const staged = await stagePostgresRestore(restore);
  return { ...staged, databases: await swapPostgresRestore(restore.target) };
}

async function restoreOneTable(restore: PostgresRestore): Promise<PostgresRestored> {
  const { chosen, table } = readWanted(restore);
  const [recorded] = chosen;
  if (table === undefined || recorded === undefined) throw new BackupError("NOT_FOUND", "there is no such table");
  await refuseProblems(restore);
  return guarded(restore.target, async (target) => {
    const journal = await begin(target);
    const room = await readRoom(journal.access);
    const limits = { ...defaultArchiveLimits, ...restore.limits };
    const work = { journal, room, restoreId: target.restoreId, read: restore.read, limits };
    return { databases: [], table: await restoreTable(work, recorded, table), roles: 0, notes: [] };
  });
}

/** Opens the journal, and ends what a killed run has left in the server. */
async function begin(target: PostgresTarget): Promise<Journal> {
  const journal = await beginJournal(target);
  await journal.access.end();
  return journal;
}

async function refuseProblems(restore: PostgresRestore): Promise<void> {
  const { problems } = await planPostgresRestore(restore);
  if (problems.length === 0) return;
  const { name } = restore.target.container;
  throw new BackupError(
    "CONFIG_INVALID",
    `PostgreSQL in container ${name} can't be restored to: ${problems.join("; ")}`,
    {
      hint: "Nothing was changed.",
    },
  );
}

async function report(journal: Journal): Promise<RestoredDatabase[]> {
  const databases = await journal.databases();
  return databases.map(({ name, staged, kept, existed, state, result }) => {
    const comparison = Result.parse(result);
    return { name, staged, kept: existed ? kept : undefined, swapped: state === "swapped", ...comparison };
  });
}

const cleanLimitMs = 30_000;

/** Runs a step; when it fails, nothing of it goes on in the server, nor does its archive stay there. */
export async function guarded<T>(target: PostgresTarget, step: (target: PostgresTarget) => Promise<T>): Promise<T> {
  const failed = new AbortController();
  try {
    return await step({ ...target, signal: AbortSignal.any([target.signal, failed.signal]) });
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([cleanUp({ ...target, signal: AbortSignal.timeout(cleanLimitMs) })]);
    throw error;
  }
}

/** With the server gone there is nothing to clean up, and undoing does it again. */
async function cleanUp(target: PostgresTarget): Promise<void> {
  const access = await openTarget(target);
  await access.end();
  await removeTemporary(access, await readRoom(access), target.restoreId);
}
