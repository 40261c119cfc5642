import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openEngine, type Engine, type ExecOptions, type RunOptions } from "@erlmcp/docker";
import type { ContentRef } from "@erlmcp/entry";
import { fillOddly, longName, oddName, wholeServer } from "../test/odd-server.ts";
import { restorer, type Captured, type Restorer } from "../test/restorer.ts";
import { MemorySink, Servers, type TestServer } from "../test/server.ts";
import {
  finishPostgresRestore,
  planPostgresRestore,
  restorePostgres,
  stagePostgresRestore,
  swapPostgresRestore,
  undoPostgresRestore,
  type PostgresRestore,
} from "./index.ts";

const logsOf = (id: string): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)("docker", ["logs", id], { maxBuffer: 64 * 1024 * 1024 });

let engine: Engine;
let servers: Servers;
let source: TestServer;
let lab: Restorer;
let captured: Captured;

beforeAll(async () => {
  engine = await openEngine();
  servers = new Servers(engine);
  source = await servers.start({ empty: true });
  await fillOddly(source);
  lab = await restorer(engine, source);
  captured = lab.captured;
});
afterAll(() => servers.remove());

/** A server that has something of its own under names that the restore point has too. */
async function inhabited(): Promise<TestServer> {
  const server = await servers.start({ empty: true });
  await server.sql(
    "postgres",
    `CREATE ROLE team LOGIN PASSWORD 'old' CONNECTION LIMIT 1 VALID UNTIL '2030-01-01'; ALTER ROLE team SET work_mem = '1MB';
CREATE ROLE stranger; GRANT stranger TO team; CREATE DATABASE app OWNER stranger; CREATE DATABASE other;
ALTER DATABASE app SET work_mem = '2MB'; COMMENT ON DATABASE app IS 'before'; ALTER DATABASE app CONNECTION LIMIT 5;`,
  );
  await server.sql("app", "CREATE TABLE mine AS SELECT 1 AS n; ALTER TABLE mine OWNER TO stranger;");
  await server.sql("other", "CREATE TABLE untouched AS SELECT 2 AS n;");
  return server;
}

const databaseNames =
  "SELECT string_agg(datname || ' ' || datallowconn || ' ' || datistemplate, ', ' ORDER BY datname) FROM pg_database;";
const connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'erlmcp%';";
const temporaryFiles = ["bash", "-c", "ls $PGDATA/base/pgsql_tmp 2>/dev/null | wc -l"];

async function leftovers(server: TestServer): Promise<string> {
  const names = await server.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%erlmcp%';");
  return `${names} databases, ${await server.sql("postgres", connections)} connections, ${await server.run(temporaryFiles)} files`;
}

const byFile = { parallelFromBytes: 0, parallelFromCores: 1, jobs: 2 };
const nothing = "0 databases, 0 connections, 0 files";

it.for([
  { name: "from a stream", limits: {} },
  { name: "from a file, by several processes", limits: byFile },
])("gives an empty server all that the captured one had, $name", async ({ limits }) => {
  const server = await servers.start({ empty: true });
  const result = await restorePostgres(lab.restore(lab.target(server), { limits }));
  expect(result.databases.map(({ name }) => name).toSorted()).toEqual(
    ["app", longName, oddName, "postgres", "sieve", "template1"].toSorted(),
  );
  // 400 accounts, 3000 items, 2 oddities, 181 + 120 lines of log, 50 of scratch
  const rows = { rows: 3753, tables: 6, uncounted: 0, swapped: true, notes: [] };
  expect(result.databases.find(({ name }) => name === oddName)).toMatchObject(rows);
  expect(result.databases.find(({ name }) => name === "app")).toMatchObject({ ...rows, kept: undefined });
  expect(result.notes).toEqual(["role postgres keeps its password and attributes: the restore is connected as it"]);
  await finishPostgresRestore(lab.target(server));
  expect(await wholeServer(server)).toBe(await wholeServer(source));
  expect(await leftovers(server)).toBe(nothing);
});

it("takes the place of what was there, keeps it until the end, and leaves others alone", async () => {
  const server = await inhabited();
  const result = await restorePostgres(lab.restore(lab.target(server)));
  expect(result.databases.find(({ name }) => name === "app")).toMatchObject({
    kept: "app__erlmcp_old_r1",
    staged: "app__erlmcp_restore_r1",
  });
  expect(await server.sql("other", "SELECT n FROM untouched;")).toBe("2");
  await expect(server.sql("app__erlmcp_old_r1", "SELECT n FROM mine;")).rejects.toThrow("not currently accepting");
  const finished = await finishPostgresRestore(lab.target(server));
  expect(finished.databases).toContain("app");
  expect(await finishPostgresRestore(lab.target(server))).toEqual({ databases: [], notes: [] });
  expect(await undoPostgresRestore(lab.target(server))).toEqual({ databases: [], notes: [] });
  await server.sql("postgres", "DROP DATABASE other; DROP ROLE stranger;");
  const whole = await wholeServer(server);
  expect(whole.replace(" VALID UNTIL 'infinity'", "")).toBe(await wholeServer(source)); // no role can lose its date
  expect(await leftovers(server)).toBe(nothing);
});

it("is undone after the swap: names, contents, settings, roles and passwords are as before", async () => {
  const server = await inhabited();
  await server.sql("postgres", "CREATE DATABASE sieve; ALTER DATABASE sieve ALLOW_CONNECTIONS false;");
  const before = await wholeServer(server);
  const names = await server.sql("postgres", databaseNames);
  await restorePostgres(lab.restore(lab.target(server)));
  expect(await server.sql("sieve", "SELECT x FROM t;")).toBe("ü");
  expect(await wholeServer(server)).not.toBe(before);
  const undone = await undoPostgresRestore(lab.target(server));
  expect(undone.notes).toEqual([]);
  expect(await wholeServer(server)).toBe(before);
  expect(await server.sql("postgres", databaseNames)).toBe(names);
  expect(await undoPostgresRestore(lab.target(server))).toEqual({ databases: [], notes: [] });
  expect(await leftovers(server)).toBe(nothing);
});

/** What is read of the restore point, until `bytes` of one database's dump have been read. */
async function* abortAfter(content: ContentRef, bytes: number, abort: () => void): AsyncGenerator<Buffer> {
  let seen = 0;
  for await (const piece of captured.sink.read(content)) {
    for (let at = 0; at < piece.length; at += 4096) {
      if (seen >= bytes) abort();
      const part = piece.subarray(at, at + 4096);
      seen += part.length;
      yield part;
    }
  }
}

it.for([
  { how: "read by one process", limits: {}, bytes: 0 },
  { how: "read by one process", limits: {}, bytes: 60_000 },
  { how: "written to a file", limits: byFile, bytes: 60_000 },
])("is aborted at byte $bytes of a dump that is $how, and then undone or repeated", async ({ limits, bytes }) => {
  const server = await inhabited();
  const before = await wholeServer(server);
  const big = captured.sink.dump("databases/app").bytes.length;
  const abort = new AbortController();
  const reason = new Error("enough");
  const restore = lab.restore(lab.target(server, "r1", abort.signal), {
    limits,
    read: (content) =>
      content.bytes === big ? abortAfter(content, bytes, () => abort.abort(reason)) : captured.sink.read(content),
  });
  await expect(restorePostgres(restore)).rejects.toBe(reason);
  expect(await server.sql("postgres", connections)).toBe("0");
  expect(await server.run(temporaryFiles)).toBe("0");
  await expect(finishPostgresRestore(lab.target(server))).rejects.toThrow("is not complete");
  await expect(swapPostgresRestore(lab.target(server))).rejects.toThrow("not restored yet");
  await undoPostgresRestore(lab.target(server));
  expect(await wholeServer(server)).toBe(before);
  expect(await leftovers(server)).toBe(nothing);

  const again = new AbortController();
  const read = (content: ContentRef): AsyncIterable<Buffer> =>
    content.bytes === big ? abortAfter(content, bytes, () => again.abort(reason)) : captured.sink.read(content);
  await expect(restorePostgres(lab.restore(lab.target(server, "r2", again.signal), { limits, read }))).rejects.toBe(
    reason,
  );
  await restorePostgres(lab.restore(lab.target(server, "r2"), { limits }));
  await undoPostgresRestore(lab.target(server, "r2"));
  expect(await wholeServer(server)).toBe(before);
});

/** The restore point with the dump of `app` cut, and its entry saying so or not. */
async function cutDump(
  bytes: number,
  said: "said" | "unsaid",
): Promise<{ sink: MemorySink; read: PostgresRestore["read"] }> {
  const sink = new MemorySink();
  const whole = captured.sink.dump("databases/app").bytes.length;
  const isCut = (content: ContentRef): boolean => content.bytes === whole || content.bytes === bytes;
  for (const entry of captured.sink.entries) {
    const cut = entry.kind === "dump" && isCut(entry.content) && said === "said";
    await sink.entry(cut ? { ...entry, content: { ...entry.content, bytes } } : entry);
  }
  async function* read(content: ContentRef): AsyncGenerator<Buffer> {
    let left = isCut(content) ? bytes : content.bytes;
    for await (const piece of captured.sink.read(content)) {
      const part = piece.subarray(0, left);
      left -= part.length;
      if (part.length > 0) yield part;
    }
  }
  return { sink, read };
}

it("names the database whose dump was cut, and leaves what was there", async () => {
  const server = await inhabited();
  const before = await wholeServer(server);
  const whole = captured.sink.dump("databases/app").bytes.length;
  const outcomes: string[] = [];
  for (const bytes of [100, 30_000, whole - 20_000, whole - 1]) {
    for (const said of ["said", "unsaid"] as const) {
      const { sink, read } = await cutDump(bytes, said);
      const limits = bytes % 3 === 0 ? byFile : {};
      const restore = lab.restore(lab.target(server), { read, databases: ["app"], limits }, { ...captured, sink });
      const error = await restorePostgres(restore).catch((reason: unknown) => reason);
      outcomes.push(String(error));
      expect(await server.sql("app", "SELECT n FROM mine;")).toBe("1");
    }
  }
  for (const outcome of outcomes) expect(outcome).toMatch(/^BackupError: .*database app/);
  await undoPostgresRestore(lab.target(server));
  expect(await wholeServer(server)).toBe(before);
  expect(await leftovers(server)).toBe(nothing);
});

it("names the table that has other rows than its count says", async () => {
  const server = await inhabited();
  const sink = new MemorySink();
  for (const entry of captured.sink.entries) {
    if (entry.kind !== "dump") continue;
    if (entry.path !== "databases/app") {
      await sink.entry(entry);
      continue;
    }
    const text = JSON.stringify(entry.facts).replace('"name":"item","bytes"', '"name":"item","was"');
    await sink.entry({
      ...entry,
      facts: JSON.parse(text.replace(/"was":(\d+),"rows":3000/, '"bytes":$1,"rows":3001')),
    });
  }
  const restore = lab.restore(
    lab.target(server),
    { read: (content) => captured.sink.read(content) },
    { ...captured, sink },
  );
  await expect(restorePostgres(restore)).rejects.toThrow(
    expect.objectContaining({
      code: "CORRUPT",
      message: "database app is not restored as it was captured: table shop.item has 3000 rows, not 3001",
    }),
  );
  expect(await server.sql("app", "SELECT n FROM mine;")).toBe("1");
});

it("refuses before anything is changed what the server cannot hold", async () => {
  const server = await inhabited();
  const before = await wholeServer(server);
  const forget = "rm $(pg_config --sharedir)/extension/hstore*.control";
  await server.run(["bash", "-c", forget], { user: "root" });
  const plan = await planPostgresRestore(lab.restore(lab.target(server), { databases: ["app", "sieve"] }));
  expect(plan.problems).toEqual(["database app needs the extension hstore 1.8, which the server does not have"]);
  expect(plan.databases.map(({ name, exists }) => ({ name, exists }))).toEqual([
    { name: "app", exists: true },
    { name: "sieve", exists: false },
  ]);
  expect(plan.freeBytes).toBeGreaterThan(plan.needBytes);
  await expect(restorePostgres(lab.restore(lab.target(server)))).rejects.toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining("extension hstore 1.8") }),
  );
  expect(await wholeServer(server)).toBe(before);
  await expect(planPostgresRestore(lab.restore(lab.target(server), { databases: ["no", "app"] }))).rejects.toThrow(
    expect.objectContaining({ code: "NOT_FOUND", message: "the restore point holds no database no" }),
  );
});

it("restores one database beside others, and makes only the roles that are missing", async () => {
  const server = await inhabited();
  const passwords = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = 'team';";
  const before = await server.sql("postgres", passwords);
  const staged = await stagePostgresRestore(lab.restore(lab.target(server), { databases: ["app"] }));
  expect(staged.databases).toMatchObject([{ name: "app", swapped: false, rows: 3753 }]);
  expect(await server.sql("app", "SELECT n FROM mine;")).toBe("1");
  const client = server.sql("app", "SELECT pg_sleep(600);").catch((error: unknown) => String(error));
  const [swapped] = await swapPostgresRestore(lab.target(server));
  expect(swapped).toMatchObject({ name: "app", swapped: true, kept: "app__erlmcp_old_r1" });
  expect(await client).toContain("terminating connection");
  expect(await server.sql("app", "SELECT count(*) FROM shop.item;")).toBe("3000");
  expect(await server.sql("postgres", passwords)).toBe(before);
  expect(await server.sql("postgres", "SELECT rolvaliduntil FROM pg_roles WHERE rolname LIKE 'o_dd%';")).toContain(
    "2040",
  );
  await finishPostgresRestore(lab.target(server));
  expect(await server.sql("postgres", databaseNames)).toBe(
    "app true false, other true false, postgres true false, template0 false true, template1 true true",
  );
});

it("refuses a second restore while another one is neither finished nor undone", async () => {
  const server = await inhabited();
  await restorePostgres(lab.restore(lab.target(server, "first"), { databases: ["sieve"] }));
  const second = restorePostgres(lab.restore(lab.target(server, "second"), { databases: ["sieve"] }));
  await expect(second).rejects.toThrow("restore first is neither finished nor undone");
  await finishPostgresRestore(lab.target(server, "first"));
  await restorePostgres(lab.restore(lab.target(server, "second"), { databases: ["sieve"] }));
  await undoPostgresRestore(lab.target(server, "second"));
  expect(await server.sql("sieve", "SELECT x FROM t;")).toBe("ü");
});

it("leaves names as they are when a database cannot be let go", async () => {
  const server = await servers.start({ empty: true, args: ["-c", "max_prepared_transactions=2"] });
  await server.sql("postgres", "CREATE DATABASE sieve;");
  await stagePostgresRestore(lab.restore(lab.target(server), { databases: ["sieve"] }));
  await server.sql("sieve", "BEGIN; CREATE TABLE held (n int); PREPARE TRANSACTION 'held';");
  const held = await planPostgresRestore(lab.restore(lab.target(server), { databases: ["sieve"] }));
  expect(held.problems).toEqual(["database sieve has 1 prepared transactions: end them"]);
  await expect(swapPostgresRestore(lab.target(server))).rejects.toThrow("is being accessed by other users");
  await server.sql("sieve", "COMMIT PREPARED 'held';"); // it is open again
  const plan = await planPostgresRestore(lab.restore(lab.target(server), { databases: ["sieve"] }));
  expect(plan.problems).toEqual([]);
  await swapPostgresRestore(lab.target(server));
  expect(await server.sql("sieve", "SELECT x FROM t;")).toBe("ü");
  await undoPostgresRestore(lab.target(server));
  expect(await server.sql("sieve", "SELECT count(*) FROM held;")).toBe("0");
});

it("is undone when it was killed after the databases were closed for the swap", async () => {
  const server = await inhabited();
  const before = await wholeServer(server);
  await stagePostgresRestore(lab.restore(lab.target(server)));
  const closed = ["app", "template1", "postgres"].map((name) => `ALTER DATABASE ${name} ALLOW_CONNECTIONS false;`);
  await server.sql("other", closed.join("\n"));
  await undoPostgresRestore(lab.target(server));
  expect(await wholeServer(server)).toBe(before);
  expect(await leftovers(server)).toBe(nothing);
});

it("shows no password, in plain or hashed, to whoever lists processes or reads messages", async () => {
  const server = await servers.start({ empty: true, args: ["-c", "log_statement=all"] });
  const seen: string[] = [];
  const spy = {
    exec: (id: string, options: ExecOptions) => {
      seen.push(JSON.stringify([options.cmd, options.env]));
      return engine.exec(id, options);
    },
    run: (id: string, options: RunOptions) => {
      seen.push(JSON.stringify([options.cmd, options.env]));
      return engine.run(id, options);
    },
  };
  const target = { ...lab.target(server), engine: spy };
  await restorePostgres(lab.restore(target, { databases: ["sieve"] }));
  await undoPostgresRestore(target);
  await restorePostgres(lab.restore(target));
  await undoPostgresRestore(target);
  expect(seen.length).toBeGreaterThan(100);
  expect(seen.filter((text) => text.includes("SCRAM-SHA-256"))).toEqual([]);
  const { stdout, stderr } = await logsOf(server.id);
  expect(stdout + stderr).toContain("statement: ");
  expect(stdout + stderr).not.toContain("SCRAM-SHA-256");
});
