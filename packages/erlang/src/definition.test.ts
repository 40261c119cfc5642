import type { TableEntry } from "@erlmcp/entry";
import { expect, it } from "vitest";
import { compareDefinitions, compareSchema, definitionOf } from "./definition.ts";
import type { Inventory, MnesiaTable } from "./inventory.ts";
import { isPartOfTable, planMnesiaPut, type Member } from "./plan-mnesia-put.ts";

type Facts = Record<string, string | number | boolean | null | (string | number)[]>;

function entry(name: string, { path = `tables/${name}`, ...facts }: Facts & { path?: string } = {}): TableEntry {
  const definition: Facts = {
    name,
    type: "set",
    record_name: name,
    attributes: ["id", "value"],
    index: [],
    ram_copies: [],
    disc_copies: ["a@x"],
    disc_only_copies: [],
    local_content: false,
    fragment_of: null,
    majority: false,
    load_order: 0,
    ...facts,
  };
  return { kind: "table", path, rows: 2, facts: definition, content: { bytes: 0, depth: 0, chunks: [] } };
}

function table(name: string, changes: Partial<MnesiaTable> = {}): MnesiaTable {
  return {
    name,
    type: "set",
    storage: "disc_copies",
    local_content: false,
    record_name: name,
    attributes: ["id", "value"],
    index: [],
    ram_copies: [],
    disc_copies: ["a@x"],
    disc_only_copies: [],
    all_nodes: ["a@x"],
    read_from: "a@x",
    fragment_of: undefined,
    majority: false,
    load_order: 0,
    rows: 2,
    words: 9,
    ...changes,
  };
}

function member(tables: readonly MnesiaTable[], node = "a@x", recorded = node): Member {
  const inventory: Inventory = {
    identity: {
      node,
      creation: 1,
      otp: "27",
      erts: "15",
      started_ms: 0,
      uptime_ms: 0,
      memory_bytes: 0,
      super_user: true,
      applications: [],
    },
    ets: [],
    dets: [],
    mnesia: {
      running: "yes",
      wanted_by: [],
      directory: "/m",
      schema_file: true,
      db_nodes: [node],
      running_nodes: [node],
      tables: [...tables],
    },
  };
  return { recorded, inventory };
}

const none = new Map<string, string>();

it("gives a node that takes the place of two one copy of a table, on disc before in memory", () => {
  const renames = new Map([
    ["a@x", "c@z"],
    ["b@y", "c@z"],
  ]);
  const merged = definitionOf(entry("t", { ram_copies: ["b@y"], disc_copies: ["a@x"] }), renames);
  expect(merged).toMatchObject({ disc_copies: ["c@z"], ram_copies: [], disc_only_copies: [] });
});

it("tells what differs, and whether the rows would still fit", () => {
  const changed = table("t", {
    attributes: ["id", "value", "more"],
    index: ["value"],
    disc_copies: [],
    ram_copies: ["a@x"],
  });
  expect(compareDefinitions(definitionOf(entry("t")), changed)).toEqual([
    { what: "attributes", unfit: true, captured: "id, value", found: "id, value, more" },
    { what: "index", unfit: false, captured: "none", found: "value" },
    { what: "ram copies", unfit: false, captured: "none", found: "a@x" },
    { what: "disc copies", unfit: false, captured: "a@x", found: "none" },
  ]);
  expect(
    compareDefinitions(
      definitionOf(entry("t", { disc_copies: ["b@y", "a@x"] })),
      table("t", { disc_copies: ["a@x", "b@y"] }),
    ),
  ).toEqual([]);
});

it("tells a table's rows as the node says that has a copy, whichever is asked first", () => {
  const inventories = [
    member([table("new", { rows: 0, read_from: "b@y" })]).inventory,
    member([table("new", { rows: 7 })], "b@y").inventory,
  ];
  expect(compareSchema([entry("schema", { path: "schema" })], { inventories, renames: none })).toContain(
    "Mnesia table new, 7 rows, is not in the restore point: it would go",
  );
});

it("names tables that would come back, go or change, and nothing on a fresh node", () => {
  const entries = [entry("schema", { path: "schema" }), entry("gone"), entry("same"), entry("other")];
  const inventories = [
    member([table("schema"), table("same"), table("other", { type: "bag" }), table("new")]).inventory,
  ];
  expect(compareSchema(entries, { inventories, renames: none })).toEqual([
    "Mnesia table new, 2 rows, is not in the restore point: it would go",
    "Mnesia table gone is not there now: it would come back",
    "type of Mnesia table other: bag now, set in the restore point",
  ]);
  expect(compareSchema(entries, { inventories: [member([table("schema")]).inventory], renames: none })).toEqual([]);
});

it("takes the fragments of a table for one", () => {
  const fragment = entry("metric_frag2", { fragment_of: "metric" });
  expect([
    isPartOfTable(fragment, "metric"),
    isPartOfTable(fragment, "metric_frag2"),
    isPartOfTable(fragment, "me"),
  ]).toEqual([true, true, false]);
});

it("never takes the schema for a table", () => {
  expect(isPartOfTable(entry("schema", { path: "schema" }), "schema")).toBe(false);
});

it("puts the rows that only one node has into that node, whatever it is called now", () => {
  const entries = ["a@x", "b@y"].map((node) => entry("l", { path: `local/${node}/l`, local_content: true }));
  const members = [
    member([table("l", { local_content: true, read_from: "a@x" })]),
    member([table("l", { local_content: true, read_from: "c@z" })], "c@z", "b@y"),
  ];
  const { puts, refused } = planMnesiaPut(entries, { members, renames: none, ramTables: false });
  expect(refused).toEqual([]);
  expect(puts.map(({ node, entry: { path } }) => [node, path])).toEqual([
    ["a@x", "local/a@x/l"],
    ["c@z", "local/b@y/l"],
  ]);
});

it.each([
  { name: "a table that is not there", now: [], says: "there is no Mnesia table t now" },
  { name: "rows that would not fit", now: [table("t", { attributes: ["id"] })], says: "its rows would not fit" },
  {
    name: "a table in memory alone",
    now: [table("t", { disc_copies: [], ram_copies: ["a@x"] })],
    says: "lives in memory alone",
  },
  {
    name: "a table that no node can read",
    now: [table("t", { read_from: "nowhere" })],
    says: "has a copy of Mnesia table t",
  },
  {
    name: "a table that was split since",
    now: [table("t"), table("t2", { fragment_of: "t" })],
    says: "t2 is a fragment of t now",
  },
])("refuses $name", ({ now, says }) => {
  const wanted = entry("t", { fragment_of: now.some(({ fragment_of: base }) => base !== undefined) ? "t" : null });
  const { refused } = planMnesiaPut([wanted], { members: [member(now)], renames: none, ramTables: false });
  expect(refused.join()).toContain(says);
});

it("leaves a definition as it is now where the rows fit, and says so", () => {
  const members = [member([table("t", { index: ["value"] })])];
  const { puts, refused, warnings } = planMnesiaPut([entry("t")], { members, renames: none, ramTables: false });
  expect([puts.length, refused]).toEqual([1, []]);
  expect(warnings).toEqual(["index of Mnesia table t is value now, the restore point has none: it stays as it is now"]);
});
