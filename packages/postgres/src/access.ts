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
  options?: string | undefined; // settings for our connections, as PGOPTIONS has them: `-c name=value`
}

/** The server's own programs, run beside it. All of them end when we do. */
export interface Access {
  /** Runs a script of psql and gives what it printed. @throws BackupError SOURCE_FAILED with the server's words */
  query(database: string, sql: string): Promise<string>;
  /** The same, whose failures are the caller's to judge. */
  attempt(database: string, sql: string): Promise<{ output: string; errors: string }>;
  /** Runs a script of psql that goes to its input: no list of processes shows it, and no message quotes it. */
  script(database: string, sql: string): Promise<string>;
  /** A connection that stays, and runs what is written to its input. */
  session(database: string): Promise<Exec>;
  program(name: Program, args: readonly string[], database: string): Promise<Exec>;
  /** A program that reads what is written to its input. */
  fed(name: Program, args: readonly string[], database: string): Promise<Exec>;
  /** After an abort: waits until our programs have ended, and ends what is left of our connections in the server. */
  end(): Promise<void>;
}

/** What is run beside the server; `sh` for scripts that run several of them. */
export type Program = "pg_dump" | "pg_dumpall" | "pg_restore" | "sh";

const endLimitMs = 10_000;
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
 * @param databases tried in this order
 * @throws BackupError SOURCE_FAILED with the server's words when there is none
 */
export async function openAccess(
  server: Server,
  databases: readonly string[] = maintenanceDatabases,
): Promise<Access & { database: string }> {
  let first: RunResult | undefined;
  for (const systemUser of systemUsers) {
    for (const database of databases) {
      const way = { systemUser, database };
      const result = await runQuery(server, way, { database, sql: "SELECT 1;" });
      if (result.exitCode === 0) return { ...accessBy(server, way), database };
      first ??= result;
      if (!result.stderr.includes(`database "${database}" `)) break; // "does not exist", "is not … accepting connections"
    }
  }
  throw new BackupError("SOURCE_FAILED", `PostgreSQL in container ${server.container.name}: ${explain(first)}`, {
    hint: "Check that the server is up, and name its superuser with the label erlmcp.backup.user.",
  });
}

function accessBy(server: Server, way: Way): Access {
  const { engine, container, signal } = server;
  const user = way.systemUser;
  const open = new Set<Promise<unknown>>();
  const started = async (cmd: string[], database: string, stdin: "open" | "guard"): Promise<Exec> => {
    const exec = await engine.exec(container.id, { cmd, user, env: envOf(server, database), stdin, signal });
    open.add(exec.exitCode);
    return exec;
  };
  const run = (database: string, sql: string): Promise<RunResult> => {
    const running = runQuery(server, way, { database, sql });
    open.add(running);
    return running;
  };
  return {
    query: async (database, sql) => {
      const result = await run(database, sql);
      if (result.exitCode === 0) return result.stdout.toString("utf8");
      const where = `PostgreSQL in container ${container.name}, database ${database}`;
      throw new BackupError("SOURCE_FAILED", `${where}: ${explain(result)}`);
    },
    attempt: async (database, sql) => {
      const result = await run(database, sql);
      return { output: result.stdout.toString("utf8"), errors: result.stderr };
    },
    script: async (database, sql) => {
      const running = runScript(server, way, { database, sql });
      open.add(running);
      const result = await running;
      if (result.exitCode === 0) return result.stdout.toString("utf8");
      const where = `PostgreSQL in container ${container.name}, database ${database}`;
      throw new BackupError("FAILED", `${where}: ${explain(result)}`);
    },
    session: (database) => started(sessionCommand(), database, "open"),
    program: (name, args, database) => started(programCommand(name, args), database, "guard"),
    fed: (name, args, database) => started(programCommand(name, args), database, "open"),
    end: async () => {
      await Promise.allSettled(open);
      await endConnections(server, way);
    },
  };
}

/**
 * The server ends a connection when it notices that its client is gone, which an old one does only when its query is
 * through; this hastens it. That it may not be possible, with the server gone for instance, changes nothing.
 */
async function endConnections(server: Server, way: Way): Promise<void> {
  const lasting = { ...server, signal: AbortSignal.timeout(endLimitMs) };
  const sql = endSql(server.application);
  await Promise.allSettled([runQuery(lasting, way, { database: way.database, sql })]);
}

/** The database's name goes by the environment: as an argument it could be read as a connection string. */
function envOf(server: Server, database: string): Record<string, string> {
  const options = { PGOPTIONS: server.options ?? "" };
  const env = { PGDATABASE: database, PGAPPNAME: server.application, PGCLIENTENCODING: "UTF8", ...options };
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

/** The server's messages quote no statement, and its log holds none: there may be hashes of passwords in them. */
const quiet = `\\set VERBOSITY terse
\\set SHOW_CONTEXT never
SET standard_conforming_strings = on;
SET log_statement = none;
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
`;

function runScript(server: Server, way: Way, what: { database: string; sql: string }): Promise<RunResult> {
  return server.engine.run(server.container.id, {
    cmd: sessionCommand(),
    user: way.systemUser,
    env: envOf(server, what.database),
    input: quiet + what.sql,
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

/** A name as SQL has it. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as a constant of SQL, whatever standard_conforming_strings says. */
export function quoteLiteral(value: string): string {
  const quoted = `'${value.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return value.includes("\\") ? ` E${quoted}` : quoted;
}
