import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { openEngine, type Engine } from "@erlmcp/docker";
import { restorer, type Restorer } from "../test/restorer.ts";
import { fillOddly, oddName } from "../test/odd-server.ts";
import { Servers, type TestServer } from "../test/server.ts";
import { finishPostgresRestore, planPostgresRestore, restorePostgres, undoPostgresRestore } from "./index.ts";

let servers: Servers;
let server: TestServer;
let lab: Restorer;
let round = 0;

beforeAll(async () => {
  const engine: Engine = await openEngine();
  servers = new Servers(engine);
  server = await servers.start({ empty: true });
  await fillOddly(server);
  lab = await restorer(engine, server);
});
afterAll(() => servers.remove());
beforeEach(() => {
  round++;
});

const sum = (table: string): string =>
  `SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM ${table} t;`;

it("gives a table the rows back that it had, with its triggers as they are", async () => {
  const target = lab.target(server, `t${round}`);
  const before = await server.sql("app", sum("shop.item"));
  const accounts = await server.sql("app", sum("shop.account"));
  const triggers =
    "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'shop.item'::regclass AND NOT tgisinternal ORDER BY 1;";
  const armed = await server.sql("app", triggers);
  await server.sql(
    "app",
    `SET session_replication_role = replica; DELETE FROM shop.item WHERE id % 3 = 0 OR id = 1; ALTER SEQUENCE shop.item_id_seq RESTART;
INSERT INTO shop.item (account, price) VALUES (5, 1);`,
  );
  const changed = await server.sql("app", sum("shop.item"));
  const result = await restorePostgres(lab.restore(target, { table: "app.shop.item" }));
  expect(result).toMatchObject({ databases: [], table: { rows: 3000, compared: true } });
  expect(await server.sql("app", sum("shop.item"))).toBe(before);
  expect(await server.sql("app", sum("shop.account"))).toBe(accounts);
  expect(await server.sql("app", triggers)).toBe(armed);
  expect(await server.sql("app", "SELECT nextval('shop.item_id_seq') > (SELECT max(id) FROM shop.item);")).toBe("t");

  await restorePostgres(lab.restore(target, { table: "app.shop.item" })); // again: as after a kill
  await undoPostgresRestore(target);
  expect(await server.sql("app", sum("shop.item"))).toBe(changed);
  expect(await server.sql("app", triggers)).toBe(armed);
  await undoPostgresRestore(target);

  await restorePostgres(lab.restore(target, { table: "app.shop.item" }));
  await finishPostgresRestore(target);
  await finishPostgresRestore(target);
  expect(await server.sql("app", sum("shop.item"))).toBe(before);
  expect(await server.sql("app", "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'erlmcp%';")).toBe("0");
  expect(await server.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%erlmcp%';")).toBe("0");
});

it("restores a partition, and a table whose names have to be quoted", async () => {
  const database = `"${oddName.replaceAll('"', '""')}"`;
  for (const table of ["shop.log_1", '"b c"."t ""x.y"']) {
    round++;
    const target = lab.target(server, `t${round}`);
    const before = await server.sql(oddName, sum(table));
    await server.sql(oddName, `TRUNCATE ${table};`);
    await restorePostgres(lab.restore(target, { table: `${database}.${table}` }));
    expect(await server.sql(oddName, sum(table))).toBe(before);
    await finishPostgresRestore(target);
  }
});

it.for([
  { table: "app.shop.account", says: "foreign keys of shop.item point to it" },
  { table: "app.shop.log", says: "the restore point holds no table app.shop.log", code: "NOT_FOUND" },
  { table: "app.shop.nowhere", says: "the restore point holds no table app.shop.nowhere", code: "NOT_FOUND" },
  { table: "nowhere.shop.item", says: "the restore point holds no database nowhere", code: "NOT_FOUND" },
  { table: "shop.item", says: "shop.item names no table of PostgreSQL", code: "USAGE" },
])("refuses $table: $says", async ({ table, says, code = "CONFIG_INVALID" }) => {
  const target = lab.target(server, `t${round}`);
  await expect(restorePostgres(lab.restore(target, { table }))).rejects.toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(says) }),
  );
  expect(await server.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE '%erlmcp%';")).toBe("0");
});

it("refuses rows for a table that is defined otherwise by now, or that don't fit, and changes nothing", async () => {
  const target = lab.target(server, `t${round}`);
  await server.sql("app", "ALTER TABLE shop.item ALTER COLUMN body SET NOT NULL; ALTER TABLE shop.item ADD extra int;");
  const altered = await server.sql("app", sum("shop.item"));
  expect((await planPostgresRestore(lab.restore(target, { table: "app.shop.item" }))).problems).toEqual([]);
  await expect(restorePostgres(lab.restore(target, { table: "app.shop.item" }))).rejects.toThrow(
    "table app.shop.item is not as it was: column body is bytea NOT NULL, and was bytea; column extra is new",
  );
  expect(await server.sql("app", sum("shop.item"))).toBe(altered);
  await undoPostgresRestore(target);
  await server.sql("app", "ALTER TABLE shop.item ALTER COLUMN body DROP NOT NULL; ALTER TABLE shop.item DROP extra;");

  await server.sql("app", "SET session_replication_role = replica; DELETE FROM shop.account WHERE id = 7;");
  const unfitting = await server.sql("app", sum("shop.item"));
  await expect(restorePostgres(lab.restore(target, { table: "app.shop.item" }))).rejects.toThrow(
    'violates foreign key constraint "item_account_fkey"',
  );
  await expect(finishPostgresRestore(target)).rejects.toThrow("is not complete");
  expect(await server.sql("app", sum("shop.item"))).toBe(unfitting);
  await undoPostgresRestore(target);
  expect(await server.sql("app", sum("shop.item"))).toBe(unfitting);
});
