import type { DumpEntry } from "@erlmcp/entry";
import type { Container } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import {
  awaitPostgres,
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
import type { Applied, Applying, Putting } from "./apply.ts";
import type { Compared } from "./compare.ts";
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
    const asleep =
      one.target.kind === "container" ? one.target.containers.filter(({ state }) => state !== "running") : [];
    problems.push(...asleep.map(mustRun));
    if (asleep.length > 0) continue;
    for (const restore of await restoresOf(restoring, one)) {
      const plan = await planPostgresRestore(restore);
      const { name } = restore.target.container;
      problems.push(
        ...plan.problems.map((message) => ({
          severity: "refuse" as const,
          code: "CONFIG_INVALID" as const,
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

function mustRun({ name, state }: Container): Problem {
  const message = `${name} is ${state}, and its databases are restored by the running server`;
  return { severity: "refuse", message, hint: `Start it: docker start ${name}.` };
}

/** What staging told of each server that databases were staged in. */
export type StagedServers = ReadonlyMap<Placed, Pick<PostgresRestored, "roles" | "notes">>;

/** Restores databases beside the old ones, while everything goes on. A single table waits for its turn. */
export async function stageDatabases(run: Applying): Promise<StagedServers> {
  const staged = new Map<Placed, Pick<PostgresRestored, "roles" | "notes">>();
  for (const placed of ofPostgres(run.placed)) {
    run.progress.step(`postgres ${placed.part.source.name}`);
    run.context.log.info({ component: "postgres", source: placed.part.source.name }, "restoring beside what is there");
    for (const restore of await reachServers(run, placed)) {
      if (restore.table === undefined) staged.set(placed, await stagePostgresRestore(restore));
    }
  }
  return staged;
}

/** Gives the staged databases their names, and single tables their rows. What was there is kept until the end. */
export async function putDatabases(run: Putting, placed: Placed): Promise<Applied> {
  const restored: Pick<PostgresRestored, "databases" | "table">[] = [];
  for (const restore of await reachServers(run, placed)) {
    if (restore.table !== undefined) restored.push(await restorePostgres(restore));
    else restored.push({ databases: await swapPostgresRestore(restore.target), table: undefined });
  }
  const { roles = 0, notes = [] } = run.staged.get(placed) ?? {};
  const databases = restored.flatMap((one) => one.databases);
  const tables = restored.flatMap(({ table }) => table ?? []);
  const { component, name } = placed.part.source;
  return {
    component,
    source: name,
    targets: placed.target.kind === "container" ? placed.target.containers.map((container) => container.name) : [],
    counts: {
      databases: databases.length,
      tables: databases.reduce((sum, one) => sum + one.tables + one.uncounted, tables.length),
      rows: [...databases, ...tables].reduce((sum, { rows }) => sum + rows, 0),
    },
    notes: [...notes, ...databases.flatMap((one) => one.notes.map((note) => `${one.name}: ${note}`))],
    compared: comparedServer(placed, { databases, tables: tables.length, roles }),
  };
}

/** The server compares before a name is swapped, when nobody but us can be in the new databases; a difference is an error there. */
function comparedServer(
  { part: { source } }: Placed,
  { databases, tables, roles }: { databases: PostgresRestored["databases"]; tables: number; roles: number },
): Compared {
  const sum = (count: (one: PostgresRestored["databases"][number]) => number): number =>
    databases.reduce((total, one) => total + count(one), 0);
  const [counted, uncounted] = [sum((one) => one.tables) + tables, sum((one) => one.uncounted)];
  const others = [`${sum((one) => one.sequences)} sequences`, `${sum((one) => one.extensions)} extensions`];
  const without = uncounted === 0 ? "" : `; ${uncounted} tables exist, their rows were not counted at the capture`;
  return {
    component: source.component,
    source: source.name,
    things: databases.length === 0 ? "tables" : `tables, ${[...others, `${roles} roles`].join(", ")}`,
    equal: counted,
    differences: [],
    how: `rows of each table, large objects, before clients were let in${without}`,
  };
}

/** Drops what was kept: there is no way back afterwards. */
export async function finishDatabases(run: Applying): Promise<void> {
  for (const placed of ofPostgres(run.placed)) {
    for (const { target } of await reachServers(run, placed)) await finishPostgresRestore(target);
  }
}

/** Puts the servers back as they were, wherever the restore stopped. */
export async function undoDatabases(run: Applying): Promise<void> {
  for (const placed of ofPostgres(run.placed)) {
    for (const { target } of await reachServers(run, placed)) await undoPostgresRestore(target);
  }
}

/**
 * The restores of a server that answers: it may have been stopped because its configuration changes, or have ended, and
 * only from it the databases come and go.
 */
async function reachServers(run: Applying, placed: Placed): Promise<PostgresRestore[]> {
  const { engine } = run.host;
  const restores = await restoresOf(restoringOf(run), placed);
  for (const { target } of restores) {
    const { id } = target.container;
    if ((await engine.container(id)).state === "paused") await engine.unpause(id);
    await engine.start(id);
    await awaitPostgres(target);
  }
  return restores;
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
