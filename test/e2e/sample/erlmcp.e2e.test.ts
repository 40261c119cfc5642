import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack, type Stack, type TableDigest } from "./stack.ts";

/** SHA-256 of nothing. */
const emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

let stack: Stack;

beforeAll(async () => {
  const settings = { SAMPLE_ROWS: "200", SAMPLE_TPS: "100", SAMPLE_WRITERS: "2" };
  stack = await startStack(`erlmcp-sample-${process.pid}`, ["erlmcp", "erlmcp2"], settings);
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

const names = (tables: TableDigest[], component: string): string[] =>
  tables.filter((table) => table.component === component).map(({ name, type, rows }) => `${name} ${type} ${rows}`);

const quiesce = async (): Promise<void> => {
  await stack.control("erlmcp", "POST", "/writer/quiesce");
  await stack.control("erlmcp2", "POST", "/writer/quiesce");
};

const labelled = (tables: TableDigest[]): Map<string, string> =>
  new Map(tables.map((table) => [JSON.stringify(table), `${table.component} ${table.name}`]));

const onlyIn = (a: Map<string, string>, b: Map<string, string>): string[] =>
  [...a].filter(([line]) => !b.has(line)).map(([, name]) => name);

/** Names of the tables that differ between two fingerprints, or are in one of them only. */
const changed = (before: TableDigest[], after: TableDigest[]): string[] => {
  const [first, second] = [labelled(before), labelled(after)];
  return [...new Set([...onlyIn(first, second), ...onlyIn(second, first)])].toSorted();
};

const mnesiaDigest = (tables: TableDigest[], wanted: string): string | undefined =>
  tables.find(({ component, name }) => component === "mnesia" && name === wanted)?.digest;

it("holds the tables that README.md lists, private ones included", async () => {
  const tables = await stack.fingerprint("erlmcp");
  expect(names(tables, "ets").toSorted()).toEqual([
    "erlmcp_empty set 0",
    "erlmcp_empty_private ordered_set 0",
    "erlmcp_events duplicate_bag 200",
    "erlmcp_handles set 11",
    "erlmcp_plain_bag bag 100",
    "erlmcp_plain_ordered ordered_set 100",
    "erlmcp_plain_private set 100",
    "erlmcp_private_handle set 0",
    "erlmcp_records set 200",
    "erlmcp_scratch duplicate_bag 40",
    "erlmcp_sessions set 200",
    "erlmcp_shard set 50",
    "erlmcp_shard set 60",
    "erlmcp_statem_private set 100",
    "erlmcp_subscriptions bag 200",
    "erlmcp_sup_private set 100",
    "erlmcp_sup_public set 100",
    "erlmcp_terms set 22",
    "erlmcp_terms_ordered ordered_set 10",
    "erlmcp_tokens set 200",
    "erlmcp_tools ordered_set 200",
  ]);
  expect(names(tables, "dets")).toEqual(
    expect.arrayContaining([
      "archive set 200",
      "closed_bag duplicate_bag 200",
      "drawer set 0",
      "journal duplicate_bag 200",
      "prefs set 200",
      "queue bag 200",
    ]),
  );
  expect(names(tables, "mnesia")).toEqual(
    expect.arrayContaining(["account set 200", "cache set 250", "event bag 200", "peer_note set 200", "vacant set 0"]),
  );
  const empty = tables.filter(({ rows }) => rows === 0);
  expect(new Set(empty.map(({ digest }) => digest))).toEqual(new Set([emptyDigest]));
});

it("keeps the sums of balances while its writers run", async () => {
  const { mnesia, ets, dets } = await stack.witness("erlmcp2");
  expect(mnesia).toMatchObject({ expected: 400_000, sum: 400_000 });
  expect(ets.sum).toBe(200_000);
  expect(dets.sum).toBe(200_000);
});

it("says the same twice when it is quiet, and the same on both nodes where both hold a replica", async () => {
  await quiesce();
  const first = await stack.fingerprint("erlmcp");
  expect(await stack.fingerprint("erlmcp")).toEqual(first);
  const second = await stack.fingerprint("erlmcp2");
  for (const name of ["account", "wallet", "client", "quorum"]) {
    expect(mnesiaDigest(second, name)).toBe(mnesiaDigest(first, name));
  }
  expect(mnesiaDigest(second, "node_setting")).not.toBe(mnesiaDigest(first, "node_setting"));
});

it("changes what it is told to, and nothing else", async () => {
  await quiesce();
  const before = await stack.fingerprint("erlmcp");
  const changes = [
    "/rows?table=account&op=update&from=10&count=5",
    "/rows?table=account&op=append&count=7",
    "/rows?table=account&op=delete&from=50&count=3",
    "/rows?component=ets&table=erlmcp_events&op=append&count=2",
    "/rows?component=dets&table=journal&op=delete&from=1&count=5",
    "/table?op=create&table=fresh&rows=3",
  ];
  for (const change of changes) await stack.control("erlmcp", "POST", change);
  const after = await stack.fingerprint("erlmcp");
  // The first wallet gets what the deleted accounts held.
  expect(changed(before, after)).toEqual([
    "dets journal",
    "ets erlmcp_events",
    "mnesia account",
    "mnesia fresh",
    "mnesia wallet",
  ]);
  expect(names(after, "mnesia")).toEqual(expect.arrayContaining(["account set 204", "fresh set 3"]));
  expect((await stack.witness("erlmcp")).mnesia.sum).toBe(400_000);
});

it("refuses a change that it doesn't know", async () => {
  await expect(stack.control("erlmcp", "POST", "/rows?table=account&op=explode")).rejects.toThrow(
    /op has an unknown value/,
  );
});

it("has its rows in Mnesia and DETS after a restart, and its ETS as at the first start", async () => {
  await quiesce();
  const before = await stack.fingerprint("erlmcp");
  await stack.compose("restart", "--timeout", "20", "erlmcp");
  await stack.compose("up", "--detach", "--wait", "--no-recreate", "erlmcp");
  await quiesce();
  const after = await stack.fingerprint("erlmcp");
  const kept = new Set(["account", "client", "event", "journal", "archive", "document", "tag", "metric_frag4"]);
  const keptOnly = (tables: TableDigest[]): TableDigest[] => tables.filter(({ name }) => kept.has(name));
  expect(keptOnly(after).map(({ name, rows }) => `${name} ${rows}`)).toEqual(
    keptOnly(before).map(({ name, rows }) => `${name} ${rows}`),
  );
  expect(names(after, "ets")).toContain("erlmcp_events duplicate_bag 200");
  expect((await stack.witness("erlmcp")).mnesia.sum).toBe(400_000);
});
