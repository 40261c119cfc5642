import type { DumpEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import {
  finishPostgresRestore,
  planPostgresRestore,
  restorePostgres,
  stagePostgresRestore,
  swapPostgresRestore,
  undoPostgresRestore,
  type PostgresRestore,
  type PostgresRestored,
} from "@erlmcp/postgres";
import type { RestorePoint } from "@erlmcp/restore-point";
import type { Applied, Applying } from "./apply.ts";
import { lookAround } from "./here.ts";
import type { Placed, Problem } from "./plan.ts";
import type { Run } from "./run.ts";

interface Restoring {
  readonly run: Run;
  readonly point: RestorePoint;
  readonly tag: string; // in the names of what is kept aside
  readonly signal: AbortSignal;
}

/** What stands in the way of the databases, asked of their servers. Changes nothing. */
export async function askServers(restoring: Restoring, placed: readonly Placed[]): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const one of ofPostgres(placed)) {
    for (const restore of await restoresOf(restoring, one)) {
      const plan = await planPostgresRestore(restore);
      const { name } = restore.target.container;
      problems.push(
        ...plan.problems.map((message) => ({
          severity: "refuse" as const,
          message: `${name}: ${message}`,
          hint: undefined,
        })),
        ...plan.warnings.map((message) => ({
          severity: "warn" as const,
          message: `${name}: ${message}`,
          hint: undefined,
        })),
      );
    }
  }
  return problems;
}

/** Restores databases beside the old ones, while everything goes on. A single table waits for its turn. */
export async function stageDatabases(run: Applying): Promise<void> {
  for (const placed of ofPostgres(run.placed)) {
    run.progress.step(`postgres ${placed.part.source.name}`);
    for (const restore of await restoresOf(restoringOf(run), placed)) {
      if (restore.table === undefined) await stagePostgresRestore(restore);
    }
  }
}

/** Gives the staged databases their names, and single tables their rows. What was there is kept until the end. */
export async function putDatabases(run: Applying, placed: Placed): Promise<Applied> {
  const restored: PostgresRestored[] = [];
  for (const restore of await restoresOf(restoringOf(run), placed)) {
    if (restore.table !== undefined) restored.push(await restorePostgres(restore));
    else restored.push({ databases: await swapPostgresRestore(restore.target), table: undefined, notes: [] });
  }
  const databases = restored.flatMap((one) => one.databases);
  const tables = restored.flatMap(({ table }) => table ?? []);
  return {
    component: "postgres",
    source: placed.part.source.name,
    targets: placed.target.kind === "container" ? placed.target.containers.map(({ name }) => name) : [],
    counts: {
      databases: databases.length,
      tables: databases.reduce((sum, one) => sum + one.tables, tables.length),
      rows: [...databases, ...tables].reduce((sum, { rows }) => sum + rows, 0),
    },
    notes: [...restored.flatMap(({ notes }) => notes), ...databases.flatMap(({ notes }) => notes)],
  };
}

/** Drops what was kept: there is no way back afterwards. */
export async function finishDatabases(run: Applying): Promise<void> {
  for (const placed of ofPostgres(run.placed)) {
    for (const { target } of await restoresOf(restoringOf(run), placed)) await finishPostgresRestore(target);
  }
}

/** Puts the servers back as they were, wherever the restore stopped. */
export async function undoDatabases(run: Applying): Promise<void> {
  for (const placed of ofPostgres(run.placed)) {
    for (const { target } of await restoresOf(restoringOf(run), placed)) await undoPostgresRestore(target);
  }
}

function ofPostgres(placed: readonly Placed[]): Placed[] {
  return placed.filter(({ part }) => part.source.component === "postgres");
}

function restoringOf(run: Applying): Restoring {
  return { run, point: run.point, tag: run.intent.tag, signal: run.signal };
}

/** One for a server, or one for each table that is wanted of it. */
async function restoresOf(
  { run, point, tag, signal }: Restoring,
  { part, target }: Placed,
): Promise<PostgresRestore[]> {
  const [container] = target.kind === "container" ? target.containers : [];
  if (container === undefined) throw new BackupError("NOT_FOUND", `postgres ${part.source.name} has no container here`);
  const { here } = await lookAround(run.host, run.settings);
  const found = here.sources.find((source) => source.kind === "postgres" && source.container.id === container.id);
  const user = found?.kind === "postgres" ? found.settings.user : undefined;
  const dumps: DumpEntry[] = [];
  for await (const entry of point.entries(part.source)) if (entry.kind === "dump") dumps.push(entry);
  const { engine } = run.host;
  const common = {
    source: {
      facts: part.source.facts,
      globals: dumps.find(({ path }) => path === "globals"),
      databases: dumps.filter(({ path }) => path !== "globals"),
    },
    read: (content: DumpEntry["content"]) => point.read(content),
  };
  const targetAs = (restoreId: string) => ({ engine, container, user, restoreId, signal });
  if (part.tables === undefined) return [{ ...common, target: targetAs(tag), databases: part.databases }];
  return part.tables.map((table, at) => ({ ...common, target: targetAs(`${tag}_${at}`), table }));
}
