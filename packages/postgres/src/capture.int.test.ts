import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { openEngine, type Engine, type ExecOptions, type RunOptions } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { MemorySink, Servers, type TestServer } from "../test/server.ts";
import { capturePostgres, TableCount } from "./index.ts";

let engine: Engine;
let servers: Servers;
let source: TestServer;

beforeAll(async () => {
  engine = await openEngine();
  servers = new Servers(engine);
  source = await servers.start({ env: { SAMPLE_PG_ROWS: "2000" } });
});
afterAll(() => servers.remove());

interface How {
  databases?: string[];
  user?: string;
  signal?: AbortSignal;
  token?: string;
  limits?: { tableBytes: number; tables: number };
  sink?: MemorySink;
}

async function capture(
  server: TestServer,
  { databases, user, signal, token, limits, sink = new MemorySink() }: How = {},
): Promise<MemorySink> {
  await capturePostgres({
    engine,
    source: { name: "db", container: { id: server.id, name: "db" }, settings: { user, databases } },
    sink,
    signal: signal ?? new AbortController().signal,
    limits,
    token,
  });
  return sink;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const connections = (server: TestServer): Promise<string> =>
  server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'erlmcp-backup%';");

/** Schema and rows as text, without the random key that the script holds. Rows are sorted: restored ones lie elsewhere. */
async function logical(server: TestServer, database: string): Promise<string> {
  const script = `pg_dump --username=postgres --format=plain --inserts --rows-per-insert=1 | grep -v '^.\\(un\\)\\?restrict ' | LC_ALL=C sort`;
  return server.run(["bash", "-c", `set -o pipefail; ${script}`], { env: { PGDATABASE: database } });
}

const restore =
  "cat >/tmp/dump && pg_restore --username=postgres --dbname=postgres --create --clean --if-exists --exit-on-error";

it("restores to an equal server: roles, every database, every row", async () => {
  const sink = await capture(source);
  const names = ["erlmcp", "legacy", "postgres", "reports", "template1", "vacant", "Übung čšž"]; // Ü is above z in UTF-8
  expect(sink.paths()).toEqual([...names.map((name) => `databases/${name}`), "globals"]);
  expect(sink.lines.filter(({ verdict }) => verdict !== "captured").map(({ name }) => name)).toEqual(["template0"]);

  const target = await servers.start({ empty: true });
  const globals = sink.dump("globals").bytes.toString("utf8").replace("CREATE ROLE postgres;", "");
  await target.sql("postgres", globals);
  for (const { name } of sink.lines) {
    if (name === "globals" || name === "template0") continue;
    const { bytes } = sink.dump(`databases/${name}`);
    // The database that pg_restore is connected to can't be dropped; template1 can't while it is one.
    const own = name === "postgres" || name === "template1";
    const into = `cat >/tmp/dump && pg_restore --username=postgres --dbname=${name} --clean --if-exists /tmp/dump`;
    await target.run(["bash", "-c", own ? into : `${restore} /tmp/dump`], { input: bytes });
    expect(await logical(target, name)).toBe(await logical(source, name));
  }
  const roles =
    "SELECT rolname, rolsuper, rolcanlogin, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' AND rolname <> 'postgres' ORDER BY 1;";
  expect(await target.sql("postgres", roles)).toBe(await source.sql("postgres", roles));
  expect(await target.sql("postgres", roles)).toContain("SCRAM-SHA-256");
});

it("counts every row of the dump's own moment", async () => {
  const sink = await capture(source, { databases: ["erlmcp"] });
  const tables = z.array(TableCount).parse(sink.dump("databases/erlmcp").facts["tables"]);
  expect(tables.length).toBeGreaterThan(3);
  for (const { schema, name, rows, exact } of tables) {
    const count = await source.sql("erlmcp", `SELECT count(*) FROM ONLY ${quoted(schema)}.${quoted(name)};`);
    expect({ name, rows, exact }).toEqual({ name, rows: Number(count), exact: true });
  }
  const sum = tables.reduce((total, { rows }) => total + (rows ?? 0), 0);
  expect(sink.line("erlmcp")).toMatchObject({ verdict: "captured", grade: "transactional", rows: sum });
});

it("counts what the dump holds and not what is written meanwhile", async () => {
  await source.sql("postgres", "CREATE DATABASE busy;");
  await source.sql(
    "busy",
    "CREATE TABLE t (id bigint, filler text); INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 100000) i;",
  );
  const write = [
    "bash",
    "-c",
    "while psql -qU postgres -c 'INSERT INTO t VALUES (0); DELETE FROM t WHERE id % 97 = 1 AND random() < 0.1'; do :; done",
  ];
  const stop = new AbortController();
  const writer = engine.run(source.id, { cmd: write, env: { PGDATABASE: "busy" }, signal: stop.signal });
  writer.catch(() => undefined); // it is stopped below
  const sink = await capture(source, { databases: ["busy"] });
  stop.abort(new Error("enough"));
  await expect(writer).rejects.toThrow("enough");
  const { bytes, facts } = sink.dump("databases/busy");
  const rows = await source.run(["bash", "-c", "pg_restore --data-only --file=- | grep -c 'xxxx\\|^0..N'"], {
    input: bytes,
  });
  expect(facts["tables"]).toMatchObject([{ name: "t", rows: Number(rows), exact: true }]);
  await source.sql("postgres", "DROP DATABASE busy WITH (FORCE);");
});

it("gives the server's estimate for tables that are too large or too many to count", async () => {
  await source.sql("erlmcp", "ANALYZE;");
  for (const limits of [
    { tableBytes: 0, tables: 2000 },
    { tableBytes: 2 ** 40, tables: 1 },
  ]) {
    const sink = await capture(source, { databases: ["erlmcp"], limits });
    const tables = z.array(TableCount).parse(sink.dump("databases/erlmcp").facts["tables"]);
    expect(tables.find(({ name }) => name === "account")).toMatchObject({ rows: 2000, exact: false });
    expect(sink.line("erlmcp")?.notes?.join()).toContain("are the server's estimate");
  }
});

it("makes archives that pg_restore lists, and restores one table of, and with several processes", async () => {
  const sink = await capture(source, { databases: ["erlmcp"] });
  const { bytes } = sink.dump("databases/erlmcp");
  const list = await source.run(["pg_restore", "--list"], { input: bytes });
  expect(list).toMatch(/TABLE DATA shop account /);
  expect(list).toContain("Compression: none");
  const one = await source.run(
    ["bash", "-c", "cat >/tmp/d; pg_restore --table=account --schema=shop --data-only --file=- /tmp/d"],
    { input: bytes },
  );
  expect(one.split("\n").filter((line) => /^\d+\t/.test(line))).toHaveLength(2000);
  const target = await servers.start({ empty: true });
  await target.sql("postgres", sink.dump("globals").bytes.toString("utf8").replace("CREATE ROLE postgres;", ""));
  const parallel =
    "cat >/tmp/d; createdb -U postgres -T template0 erlmcp; pg_restore --username=postgres --jobs=3 --dbname=erlmcp --exit-on-error /tmp/d";
  await target.run(["bash", "-c", parallel], { input: bytes });
  expect(await target.sql("erlmcp", "SELECT count(*) FROM shop.account;")).toBe("2000");
});

it("gives the same bytes for the same data, but for the time in the header", async () => {
  const one = (await capture(source, { databases: ["erlmcp"] })).dump("databases/erlmcp").bytes;
  const two = (await capture(source, { databases: ["erlmcp"] })).dump("databases/erlmcp").bytes;
  expect(two).toHaveLength(one.length);
  const different = [...one.keys()].filter((at) => one[at] !== two[at]);
  expect(different.length).toBeLessThanOrEqual(8);
  expect(different.every((at) => at < 64)).toBe(true);
});

it("names what it leaves out", async () => {
  await source.sql("postgres", "CREATE DATABASE closed ALLOW_CONNECTIONS false;");
  const sink = await capture(source);
  expect(sink.line("closed")).toMatchObject({
    verdict: "unreadable",
    reason: expect.stringContaining("allows no connections"),
  });
  const some = await capture(source, { databases: ["reports", "missing"] });
  expect(some.paths()).toEqual(["databases/reports", "globals"]);
  expect(some.line("missing")).toMatchObject({ verdict: "failed" });
  expect(some.line("closed")).toMatchObject({ verdict: "excluded" });
  await source.sql("postgres", "DROP DATABASE closed;");
});

it("goes on when one database fails, and says why", async () => {
  await source.sql("postgres", "CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader; CREATE DATABASE plain;");
  await source.sql("postgres", "CREATE DATABASE secret; REVOKE CONNECT ON DATABASE secret FROM public;");
  await source.sql("plain", "CREATE TABLE t AS SELECT 1 AS one;");
  const sink = await capture(source, { user: "reader", databases: ["plain", "secret"] });
  const refused = expect.stringContaining('permission denied for database "secret"');
  expect(sink.line("secret")).toMatchObject({ verdict: "failed", reason: refused });
  expect(sink.line("plain")).toMatchObject({ verdict: "captured", grade: "transactional", rows: 1 });
  expect(sink.line("globals")?.notes).toEqual(["role reader is no superuser: the passwords of roles are missing"]);
  await source.sql("postgres", "DROP DATABASE secret; DROP DATABASE plain; DROP ROLE reader;");
});

it("fails as a whole with a role that the server doesn't know", async () => {
  await expect(capture(source, { user: "nobody" })).rejects.toThrow(
    expect.objectContaining({
      code: "SOURCE_FAILED",
      message: expect.stringContaining('role "nobody" does not exist'),
    }),
  );
});

it.for([
  { name: "a variable", env: { POSTGRES_PASSWORD: "it's $ecret" }, write: ":" },
  {
    name: "a file",
    env: { POSTGRES_PASSWORD_FILE: "/tmp/password" },
    write: `printf %s "it's \\$ecret" >/tmp/password`,
  },
])("gives the superuser's password from $name of the container", async ({ env, write }) => {
  const strict = await servers.start({ empty: true, env });
  await strict.run(["bash", "-c", write]);
  await strict.sql("postgres", "ALTER ROLE postgres PASSWORD 'it''s $ecret';");
  const demand = 'sed -i "s/trust$/scram-sha-256/" "$PGDATA/pg_hba.conf" && pg_ctl reload';
  await strict.run(["bash", "-c", demand]);
  await expect(strict.sql("postgres", "SELECT 1;")).rejects.toThrow("password");
  const sink = await capture(strict);
  expect(sink.lines.filter(({ verdict }) => verdict === "captured").map(({ name }) => name)).toEqual([
    "postgres",
    "template1",
    "globals",
  ]);
});

it("leaves no connection and no process behind, whether it is through or aborted", async () => {
  await capture(source, { databases: ["legacy"] });
  expect(await connections(source)).toBe("0");
  await source.sql("postgres", "CREATE DATABASE slow;");
  await source.sql(
    "slow",
    "CREATE TABLE t AS SELECT i, repeat('x', 1000) AS filler FROM generate_series(1, 200000) i;",
  );
  const abort = new AbortController();
  const reason = new Error("enough");
  const seen = (piece: Uint8Array): void => {
    if (piece[0] === 80) abort.abort(reason); // P of PGDMP: pg_dump has its locks
  };
  const captured = capture(source, { databases: ["slow"], sink: new MemorySink(seen), signal: abort.signal });
  await expect(captured).rejects.toBe(reason);
  expect(await connections(source)).toBe("0");
  const processes = await source.run([
    "bash",
    "-c",
    "grep -lz '^pg_dump' /proc/[0-9]*/cmdline 2>/dev/null || echo none",
  ]);
  expect(processes).toBe("none");
  await source.sql("postgres", "DROP DATABASE slow;");
});

function full(): never {
  throw new Error("disk full");
}

it("leaves nothing behind when what it captures cannot be stored", async () => {
  await expect(capture(source, { sink: new MemorySink(full) })).rejects.toThrow("disk full");
  expect(await connections(source)).toBe("0");
  const sessions = await source.run(["bash", "-c", "grep -lz '^psql' /proc/[0-9]*/cmdline 2>/dev/null || echo none"]);
  expect(sessions).toBe("none");
});

it("fails when the server dies under it", async () => {
  const dying = await servers.start({ empty: true });
  await dying.sql(
    "postgres",
    "CREATE TABLE t AS SELECT i, repeat('x', 1000) AS filler FROM generate_series(1, 100000) i;",
  );
  const seen = (piece: Uint8Array): void => {
    if (piece[0] === 80) stopped = dying.engine.stop(dying.id);
  };
  let stopped: Promise<unknown> | undefined;
  const outcome = await capture(dying, { sink: new MemorySink(seen) }).catch((error: unknown) => error);
  await stopped;
  expect(outcome).toBeInstanceOf(BackupError);
});

it("captures a standby, with what it has replayed", async () => {
  const folder = "/var/lib/postgresql/standby";
  const start = `pg_basebackup -U postgres -D ${folder} -R -X stream --checkpoint=fast &&
    pg_ctl -D ${folder} -o "-p 5544 -c listen_addresses='' -k /run/postgresql" -w -l /tmp/standby.log start >/dev/null`;
  await source.run(["bash", "-c", start]);
  const at = { PGDATA: folder };
  const standby = {
    exec: (id: string, options: ExecOptions) => engine.exec(id, { ...options, env: { ...options.env, ...at } }),
    run: (id: string, options: RunOptions) => engine.run(id, { ...options, env: { ...options.env, ...at } }),
  };
  const sink = new MemorySink();
  const { facts } = await capturePostgres({
    engine: standby,
    source: {
      name: "db",
      container: { id: source.id, name: "db" },
      settings: { user: undefined, databases: ["erlmcp"] },
    },
    sink,
    signal: new AbortController().signal,
  });
  expect(facts).toMatchObject({ server: { inRecovery: true } });
  expect(sink.line("erlmcp")).toMatchObject({ verdict: "captured", grade: "transactional" });
  const tables = z.array(TableCount).parse(sink.dump("databases/erlmcp").facts["tables"]);
  expect(tables.find(({ name }) => name === "account")).toMatchObject({ rows: 2000, exact: true });
});
