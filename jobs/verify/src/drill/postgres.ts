import type { HeldContainer } from "@erlmcp/docker";
import type { DumpEntry } from "@erlmcp/entry";
import {
  planPostgresRestore,
  restorePostgres,
  undoPostgresRestore,
  finishPostgresRestore,
  type PostgresRestore,
  type PostgresRestored,
} from "@erlmcp/postgres";
import { BackupError } from "@erlmcp/errors";
import type { Drilling } from "./drilling.ts";
import { startServer, type UpServer } from "./postgres-server.ts";
import type { DrilledServer } from "./plan.ts";
import type { Subject } from "./record.ts";
import { runSqlChecks } from "./sql-checks.ts";

/** Restores every server into a throwaway one of the same version, made anew. @returns those that run */
export async function drillServers(drilling: Drilling, held: HeldContainer[]): Promise<UpServer[]> {
  const { record, plan } = drilling;
  const up: UpServer[] = [];
  for (const server of plan.servers) {
    drilling.signal.throwIfAborted();
    const subject: Subject = { component: "postgres", source: server.source.name };
    drilling.progress.step(`postgres ${server.source.name}`);
    drilling.context.log.info(subject, "restoring");
    const started = await record.attempt(subject, () =>
      record.time("prepare", subject, () => startServer(drilling, server, held)),
    );
    if (started === undefined) continue;
    up.push(started);
    await restoreServer(drilling, started, subject);
  }
  await runSqlChecks(drilling, up);
  return up;
}

async function restoreServer(drilling: Drilling, up: UpServer, subject: Subject): Promise<void> {
  const { record } = drilling;
  const dumps = await dumpsOf(drilling, up.server);
  if (!dumps.some(({ path }) => path === "globals")) {
    record.wrong(subject, "the restore point has no globals: no roles and no tablespaces", "globals");
  }
  const restore = restoreOf(drilling, up, { dumps, id: drilling.intent.tag });
  let failed: BackupError | undefined;
  try {
    const restored = await record.time("load", subject, () => restoreAll(restore));
    prove(drilling, up, restored);
  } catch (error) {
    if (!(error instanceof BackupError) || !ofTheData.has(error.code)) throw error;
    failed = error;
  }
  if (failed !== undefined) await nameEach(drilling, up, { dumps, failed });
}

const ofTheData = new Set(["FAILED", "CORRUPT", "SOURCE_FAILED", "CONFIG_INVALID"]);

async function restoreAll(restore: PostgresRestore): Promise<PostgresRestored> {
  const restored = await restorePostgres(restore);
  await finishPostgresRestore(restore.target);
  return restored;
}

/** All databases together come back or none does: alone, each says whether it is the one. */
async function nameEach(
  drilling: Drilling,
  up: UpServer,
  { dumps, failed }: { dumps: readonly DumpEntry[]; failed: BackupError },
): Promise<void> {
  const { record } = drilling;
  const subject: Subject = { component: "postgres", source: up.server.source.name };
  const before = record.findings.length;
  await record.attempt(subject, () =>
    undoPostgresRestore(restoreOf(drilling, up, { dumps, id: drilling.intent.tag }).target),
  );
  for (const [at, dump] of dumps.filter(({ path }) => path !== "globals").entries()) {
    const { name } = dump.facts;
    if (typeof name !== "string") continue; // the restore has named it
    const restore = { ...restoreOf(drilling, up, { dumps, id: `${drilling.intent.tag}_${at}` }), databases: [name] };
    drilling.progress.step(`postgres ${name}`);
    const problem = await problemOf(restore);
    if (problem === undefined) continue;
    record.wrong(subject, problem, `databases/${name}`);
    await record.attempt(subject, () => undoPostgresRestore(restore.target));
  }
  if (record.findings.length === before) record.wrong(subject, failed.message);
}

async function problemOf(restore: PostgresRestore): Promise<string | undefined> {
  try {
    const { problems } = await planPostgresRestore(restore);
    if (problems.length > 0) return problems.join("; ");
    await restoreAll(restore);
    return undefined;
  } catch (error) {
    if (error instanceof BackupError && ofTheData.has(error.code)) return error.message;
    throw error;
  }
}

function restoreOf(
  { host, point, signal, progress }: Drilling,
  { server, container, user }: UpServer,
  { dumps, id }: { dumps: readonly DumpEntry[]; id: string },
): PostgresRestore {
  return {
    target: {
      engine: host.engine,
      container: { id: container.id, name: server.place.name },
      user,
      restoreId: id,
      signal,
    },
    source: {
      facts: server.source.facts,
      globals: dumps.find(({ path }) => path === "globals"),
      databases: dumps.filter(({ path }) => path !== "globals"),
    },
    read: async function* (content) {
      for await (const piece of point.read(content)) {
        progress.add(piece.length);
        yield piece;
      }
    },
  };
}

async function dumpsOf({ point }: Drilling, { source }: DrilledServer): Promise<DumpEntry[]> {
  const dumps: DumpEntry[] = [];
  for await (const entry of point.entries(source)) if (entry.kind === "dump") dumps.push(entry);
  return dumps;
}

function prove({ record }: Drilling, { server }: UpServer, { databases, notes }: PostgresRestored): void {
  const sum = (count: "tables" | "rows" | "uncounted"): number =>
    databases.reduce((total, one) => total + one[count], 0);
  const counts = {
    databases: databases.length,
    tables: sum("tables"),
    rows: sum("rows"),
    "tables not counted": sum("uncounted"),
  };
  record.proven.push({ component: "postgres", source: server.source.name, counts });
  const all = [
    ...notes,
    ...databases.flatMap(({ name, notes: own }) => own.map((note) => `database ${name}: ${note}`)),
  ];
  record.notes.push(...all.map((note) => `postgres ${server.source.name}: ${note}`));
}
