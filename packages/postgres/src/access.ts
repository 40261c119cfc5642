import type { Buffer } from "node:buffer";
import { BackupError } from "@erlmcp/errors";
import type { Engine, Exec, RunResult } from "@erlmcp/docker";
import { programCommand, queryCommand, sessionCommand } from "./script.ts";

/** Where the server is and how its programs are to reach it. */
export interface Server {
  engine: Pick<Engine, "exec" | "run">;
  container: { id: string; name: string };
  user: string | undefined; // the superuser; the container's own idea of it when undefined
  application: string; // names our connections in pg_stat_activity, and nobody else's
  signal: AbortSignal;
}

/** The server's own programs, run beside it. All of them end when we do. */
export interface Access {
  /** Runs a script of psql and gives what it printed. @throws BackupError SOURCE_FAILED with the server's words */
  query(database: string, sql: string): Promise<string>;
  /** The same, whose failures are the caller's to judge. */
  attempt(database: string, sql: string): Promise<{ output: string; errors: string }>;
  /** A connection that stays, and runs what is written to its input. */
  session(database: string): Promise<Exec>;
  program(name: "pg_dump" | "pg_dumpall", args: readonly string[], database: string): Promise<Exec>;
  /** Ends every connection of ours that is left in the server, also after an abort. */
  endConnections(): Promise<void>;
}

const outputLimit = 64 * 1024 * 1024;
const maintenanceDatabases = ["postgres", "template1"] as const;
/** Of the container: its own, then the one that Debian's servers trust by name. */
const systemUsers = [undefined, "postgres"] as const;

interface Way {
  systemUser: string | undefined;
  database: string;
}

/**
 * Finds a way in: as which system user, through which database.
 *
 * @throws BackupError SOURCE_FAILED with the server's words when there is none
 */
export async function openAccess(server: Server): Promise<Access & { database: string }> {
  let first: RunResult | undefined;
  for (const systemUser of systemUsers) {
    for (const database of maintenanceDatabases) {
      const way = { systemUser, database };
      const result = await runQuery(server, way, { database, sql: "SELECT 1;" });
      if (result.exitCode === 0) return { ...accessBy(server, way), database };
      first ??= result;
      if (!result.stderr.includes(`database "${database}" does not exist`)) break;
    }
  }
  throw new BackupError("SOURCE_FAILED", `PostgreSQL in container ${server.container.name}: ${explain(first)}`, {
    hint: "Check that the server is up, and name its superuser with the label erlmcp.backup.user.",
  });
}

function accessBy(server: Server, way: Way): Access {
  const { engine, container, signal } = server;
  const user = way.systemUser;
  const query = async (database: string, sql: string): Promise<string> => {
    const result = await runQuery(server, way, { database, sql });
    if (result.exitCode === 0) return result.stdout.toString("utf8");
    throw new BackupError(
      "SOURCE_FAILED",
      `PostgreSQL in container ${container.name}, database ${database}: ${explain(result)}`,
    );
  };
  return {
    query,
    attempt: async (database, sql) => {
      const result = await runQuery(server, way, { database, sql });
      return { output: result.stdout.toString("utf8"), errors: result.stderr };
    },
    session: (database) =>
      engine.exec(container.id, { cmd: sessionCommand(), user, env: envOf(server, database), stdin: "open", signal }),
    program: (name, args, database) =>
      engine.exec(container.id, {
        cmd: programCommand(name, args),
        user,
        env: envOf(server, database),
        stdin: "guard",
        signal,
      }),
    endConnections: async () => {
      const unstoppable = { ...server, signal: new AbortController().signal };
      const result = await runQuery(unstoppable, way, { database: way.database, sql: endSql(server.application) });
      if (result.exitCode !== 0) throw new BackupError("SOURCE_FAILED", `our connections: ${explain(result)}`);
    },
  };
}

/** The database's name goes by the environment: as an argument it could be read as a connection string. */
function envOf(server: Server, database: string): Record<string, string> {
  const env = { PGDATABASE: database, PGAPPNAME: server.application, PGOPTIONS: "", PGCLIENTENCODING: "UTF8" };
  return server.user === undefined ? env : { ...env, ERLMCP_PGUSER: server.user };
}

function runQuery(server: Server, way: Way, what: { database: string; sql: string }): Promise<RunResult> {
  return server.engine.run(server.container.id, {
    cmd: queryCommand(what.sql),
    user: way.systemUser,
    env: envOf(server, what.database),
    stdin: "guard",
    signal: server.signal,
    limitBytes: outputLimit,
  });
}

/** What went wrong, in one line: the program's last complaint. */
export function explain(result: { exitCode: number; stderr: string; stdout?: Buffer } | undefined): string {
  const lines = (result?.stderr ?? "").split("\n").map((line) => line.trim());
  const said = lines.filter((line) => line !== "" && !line.startsWith("HINT:"));
  const worst = said.findLast((line) => /error|fatal/i.test(line)) ?? said.at(-1);
  if (worst !== undefined) return worst;
  return `exit code ${result?.exitCode}, ${result?.stdout?.toString("utf8").trim().slice(0, 200) || "without a word"}`;
}

function endSql(application: string): string {
  return `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = ${quoteLiteral(application)} AND pid <> pg_backend_pid();`;
}

/** A text as a constant of SQL, whatever standard_conforming_strings says. */
export function quoteLiteral(value: string): string {
  const quoted = `'${value.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return value.includes("\\") ? ` E${quoted}` : quoted;
}
