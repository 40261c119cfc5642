import type { TableEntry } from "@erlmcp/entry";
import type { Inventory } from "@erlmcp/erlang";
import { expect, it } from "vitest";
import { detsDifferences, isLoaded, mnesiaDifferences, type NodeNow } from "./compare-erlang.ts";

const content = { bytes: 0, depth: 0, chunks: [] };
const definition = {
  name: "t",
  type: "set",
  record_name: "t",
  attributes: ["id", "value"],
  index: [],
  disc_only_copies: [],
  local_content: false,
  majority: false,
  load_order: 0,
} as const;

function captured(rows: number, memory = false): TableEntry {
  const copies = memory ? { ram_copies: ["a@x"], disc_copies: [] } : { ram_copies: [], disc_copies: ["a@x"] };
  const facts = {
    ...definition,
    attributes: ["id", "value"],
    index: [],
    disc_only_copies: [],
    ...copies,
    fragment_of: null,
  };
  return { kind: "table", path: "tables/t", rows, facts, content };
}

type Now = {
  rows: number;
  memory?: boolean;
  commits?: number;
  missing?: boolean;
  type?: "set" | "bag";
  readFrom?: string;
};

function node({ rows, memory = false, commits = 0, missing = false, type = "set", readFrom = "a@x" }: Now): NodeNow {
  const ram_copies = memory ? ["a@x"] : [];
  const table = {
    ...definition,
    type,
    attributes: ["id", "value"],
    index: [],
    disc_only_copies: [],
    ram_copies,
    disc_copies: memory ? [] : ["a@x"],
    storage: "disc_copies",
    all_nodes: ["a@x"],
    read_from: readFrom,
    fragment_of: undefined,
    rows,
    words: 1,
  };
  const identity: Inventory["identity"] = {
    node: "a@x",
    creation: 1,
    otp: "27",
    erts: "15",
    started_ms: 0,
    uptime_ms: 0,
    memory_bytes: 0,
    super_user: true,
    applications: [],
  };
  const mnesia: Inventory["mnesia"] = {
    running: "yes",
    wanted_by: [],
    directory: "/m",
    schema_file: true,
    db_nodes: ["a@x"],
    running_nodes: ["a@x"],
    commits,
    log_writes: 0,
    tables: missing ? [] : [table],
  };
  return { recorded: "a@x", inventory: { identity, ets: [], dets: [], mnesia } };
}

it.each([
  { name: "finds the same", entry: captured(3), now: { rows: 3 }, weights: [] },
  { name: "fails rows that are missing while nobody wrote", entry: captured(3), now: { rows: 2 }, weights: ["fails"] },
  { name: "fails rows that are too many while nobody wrote", entry: captured(3), now: { rows: 4 }, weights: ["fails"] },
  {
    name: "is not complete with fewer rows after writes",
    entry: captured(3),
    now: { rows: 2, commits: 1 },
    weights: ["incomplete"],
  },
  { name: "notes more rows after writes", entry: captured(3), now: { rows: 4, commits: 1 }, weights: ["note"] },
  {
    name: "is not complete with fewer rows in memory",
    entry: captured(3, true),
    now: { rows: 0, memory: true },
    weights: ["incomplete"],
  },
  { name: "fails a table that is missing", entry: captured(3), now: { rows: 0, missing: true }, weights: ["fails"] },
  { name: "fails another type", entry: captured(3), now: { rows: 3, type: "bag" as const }, weights: ["fails"] },
  {
    name: "fails a table that is not loaded",
    entry: captured(3),
    now: { rows: 0, commits: 9, readFrom: "nowhere" },
    weights: ["fails"],
  },
])("mnesiaDifferences $name", ({ entry, now, weights }) => {
  const found = mnesiaDifferences([entry], { nodes: [node(now)], renames: new Map(), acceptSchema: false });
  expect(found.differences.map(({ weight }) => weight)).toEqual(weights);
  expect(found.equal).toBe(weights.length === 0 ? 1 : 0);
});

function dets(name: string, file: string): TableEntry {
  return { kind: "table", path: name, rows: 3, facts: { name, file, type: "set", keypos: 1 }, content };
}

it("waits for a node's own tables, and for no others", () => {
  const { inventory } = node({ rows: 0, readFrom: "nowhere" });
  expect(isLoaded(inventory)).toBe(false);
  const elsewhere = { ...inventory, identity: { ...inventory.identity, node: "b@y" } };
  expect(isLoaded(elsewhere)).toBe(true);
  expect(isLoaded({ ...elsewhere, mnesia: { ...inventory.mnesia, running: "starting" } })).toBe(false);
});

it("does not take for compared what only a node has that does not answer", () => {
  const elsewhere = { ...captured(3), facts: { ...captured(3).facts, disc_copies: ["a@x", "b@y"] } };
  const there = node({ rows: 0, readFrom: "b@y" });
  const [table] = there.inventory.mnesia.tables;
  if (table !== undefined) table.disc_copies = ["a@x", "b@y"];
  const found = mnesiaDifferences([elsewhere], { nodes: [there], renames: new Map(), acceptSchema: false });
  expect(found).toMatchObject({ equal: 0, differences: [{ what: "rows", weight: "incomplete" }] });
});

it("compares DETS tables that the node has open, and only those", () => {
  const open = {
    ix: 1,
    name: "prefs",
    file: "/d/prefs",
    type: "bag",
    keypos: 1,
    rows: 2,
    bytes: 9,
    access: "read_write",
    mnesia_index: false,
  } as const;
  const found = detsDifferences([dets("prefs", "/d/prefs"), dets("archive", "/d/archive")], {
    dets: [open],
    renames: new Map(),
  });
  expect(found.differences.map(({ what, weight }) => [what, weight])).toEqual([
    ["type", "fails"],
    ["rows", "incomplete"],
  ]);
  expect(found.equal).toBe(0);
});
