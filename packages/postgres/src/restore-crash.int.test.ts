import { afterAll, beforeAll, expect, it } from "vitest";
import { openEngine, type Engine, type ExecOptions, type RunOptions } from "@erlmcp/docker";
import { wholeServer } from "../test/odd-server.ts";
import { restorer, type Restorer } from "../test/restorer.ts";
import { Servers, type TestServer } from "../test/server.ts";
import { finishPostgresRestore, restorePostgres, undoPostgresRestore, type PostgresTarget } from "./index.ts";

let engine: Engine;
let servers: Servers;
let server: TestServer;
let lab: Restorer;
let restored: string;

beforeAll(async () => {
  engine = await openEngine();
  servers = new Servers(engine);
  const source = await servers.start({ empty: true });
  await source.sql("postgres", "CREATE ROLE app LOGIN PASSWORD 'new'; CREATE ROLE fresh; GRANT fresh TO app;");
  await source.sql("postgres", "CREATE DATABASE app OWNER app; CREATE DATABASE more OWNER fresh;");
  await source.sql("app", "CREATE TABLE t AS SELECT i FROM generate_series(1, 100) i; ALTER TABLE t OWNER TO fresh;");
  lab = await restorer(engine, source);
  restored = await wholeServer(source);
  server = await servers.start({ empty: true });
  await server.sql(
    "postgres",
    "CREATE ROLE app LOGIN PASSWORD 'old'; ALTER ROLE app SET work_mem = '1MB'; CREATE DATABASE app;",
  );
  await server.sql("app", "CREATE TABLE mine AS SELECT 1 AS n;");
});
afterAll(() => servers.remove());

/** A target whose engine is gone from call `last` on, as it is for a process that was killed. */
function dying(restoreId: string, last: number): { target: PostgresTarget } {
  let calls = 0;
  const alive = (): void => {
    if (++calls > last) throw new Error("killed");
  };
  const mortal = {
    exec: async (id: string, options: ExecOptions) => {
      alive();
      return engine.exec(id, options);
    },
    run: async (id: string, options: RunOptions) => {
      alive();
      return engine.run(id, options);
    },
  };
  return { target: { ...lab.target(server, restoreId), engine: mortal } };
}

/** A restore makes some 75 calls, an undo and a finish some 25; each is a place to be killed at. */
const strides = { restore: 9, undo: 7, finish: 2 };
const begunToDrop = 13; // calls of a finish after which there is no way back
const many = 1000;

it("is undone wherever it was killed, and wherever undoing was killed", { timeout: 900_000 }, async () => {
  const before = await wholeServer(server);
  let undoAt = 0;
  for (let last = 1; ; last += strides.restore) {
    const { target } = dying(`kill${last}`, last);
    const outcome = await restorePostgres(lab.restore(target)).catch((error: unknown) => error);
    undoAt = (undoAt + strides.undo) % 25;
    await undoPostgresRestore(dying(`kill${last}`, undoAt).target).catch(() => undefined); // killed as well, or not
    await undoPostgresRestore(lab.target(server, `kill${last}`));
    expect(await wholeServer(server), `killed at call ${last}, its undo at ${undoAt}`).toBe(before);
    if (!(outcome instanceof Error)) break;
    expect(outcome.message).toBe("killed");
    expect(last).toBeLessThan(many);
  }
  expect(await server.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%erlmcp%';")).toBe("0");
});

it(
  "is complete when it is repeated until it gets through, and finished however often that is killed",
  { timeout: 900_000 },
  async () => {
    for (let last = 20; ; last += 15) {
      const outcome = await restorePostgres(lab.restore(dying("again", last).target)).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) break;
      expect(outcome.message).toBe("killed");
      expect(last).toBeLessThan(many);
    }
    const refusals: string[] = [];
    for (let last = begunToDrop; ; last += strides.finish) {
      const outcome = await finishPostgresRestore(dying("again", last).target).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) break;
      expect(outcome.message).toBe("killed");
      refusals.push(await undoPostgresRestore(lab.target(server, "again")).then(String, String));
      expect(last).toBeLessThan(many);
    }
    expect(refusals.length).toBeGreaterThan(1);
    for (const refusal of refusals) expect(refusal).toContain("what it had kept is being dropped");
    expect(await wholeServer(server)).toBe(restored);
    expect(await server.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%erlmcp%';")).toBe("0");
  },
);

it("has the old rows of a table or the new ones, wherever it was killed", { timeout: 600_000 }, async () => {
  await server.sql("app", "DELETE FROM t WHERE i > 90; INSERT INTO t VALUES (1000);");
  const sum = "SELECT count(*) || ' ' || sum(i) FROM t;";
  const before = "91 5095"; // 1 to 90, and 1000
  expect(await server.sql("app", sum)).toBe(before);
  const seen = new Set<string>();
  for (let last = 16; ; last += 3) {
    const restore = lab.restore(dying(`t${last}`, last).target, { table: "app.public.t" });
    const outcome = await restorePostgres(restore).catch((error: unknown) => error);
    seen.add(await server.sql("app", sum));
    await undoPostgresRestore(dying(`t${last}`, last - 10).target).catch(() => undefined); // killed as well, or not
    await undoPostgresRestore(lab.target(server, `t${last}`));
    expect(await server.sql("app", sum), `killed at call ${last}`).toBe(before);
    if (!(outcome instanceof Error)) break;
    expect(outcome.message).toBe("killed");
    expect(last).toBeLessThan(many);
  }
  expect([...seen]).toEqual([before, "100 5050"]);
  expect(await server.sql("app", "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'erlmcp%';")).toBe("0");
  expect(await server.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%erlmcp%';")).toBe("0");
});
