import type { Engine } from "@erlmcp/docker";
import type { SqlCheck } from "./checks.ts";
import type { Drilling } from "./drilling.ts";
import { reportCheck } from "./erlang-checks.ts";
import type { UpServer } from "./postgres-server.ts";
import { workFolder } from "./intent.ts";

/** The database's name goes by the environment: as an argument it could be read as a connection string. */
const script = `found=$(ls -d /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /opt/bitnami/postgresql/bin 2>/dev/null | tr '\\n' ':')
PATH=$PATH:$found
exec psql --no-psqlrc --quiet --no-align --tuples-only --no-password --set=ON_ERROR_STOP=1`;

/** An operator's statements, in the server that they name, or in the only one that there is. */
export async function runSqlChecks(drilling: Drilling, up: readonly UpServer[]): Promise<void> {
  for (const check of drilling.checks) {
    if (!("sql" in check)) continue;
    const fitting = up.filter(({ server }) => check.server === undefined || server.source.name === check.server);
    const [one, another] = fitting;
    const where = `${check.database} in ${check.server ?? one?.server.source.name ?? "no server"}`;
    const { found, ok } =
      one === undefined
        ? { found: "there is no such server", ok: false }
        : another !== undefined
          ? { found: `there are ${fitting.length} servers: name one of them`, ok: false }
          : await run(drilling, one, check);
    reportCheck(drilling, { name: check.name, where, expected: check.expect, found, ok });
  }
}

async function run(
  { host, signal }: { host: { engine: Pick<Engine, "run"> }; signal: AbortSignal },
  { server, container, user }: UpServer,
  { sql, database, expect }: SqlCheck,
): Promise<{ found: string; ok: boolean }> {
  const { exitCode, stdout, stderr } = await host.engine.run(container.id, {
    cmd: ["sh", "-c", script],
    env: {
      PGHOST: `${workFolder}/${server.key}/run`,
      PGUSER: user,
      PGDATABASE: database,
      PGAPPNAME: "erlmcp-drill",
      PGCLIENTENCODING: "UTF8",
      PGOPTIONS: "-c statement_timeout=300s",
    },
    input: `${sql}\n;\n`,
    signal,
  });
  if (exitCode !== 0) return { found: stderr.trim() || `psql ended with status ${exitCode}`, ok: false };
  const found = stdout.toString("utf8").replace(/\n$/, "");
  return { found, ok: found.trim() === expect.trim() };
}
