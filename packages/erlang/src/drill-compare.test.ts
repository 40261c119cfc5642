import type { TableEntry } from "@erlmcp/entry";
import { describe, expect, it } from "vitest";
import { compareLoaded, compareMnesia, type MnesiaWanted } from "./drill-compare.ts";
import type { RowSum } from "./row-sum.ts";

const sum: RowSum = { rows: 3, sum: [1, 2, 3, 4], closures: 0, openSum: [1, 2, 3, 4] };
const entry = (path: string, facts: TableEntry["facts"]): TableEntry => ({
  kind: "table",
  path,
  rows: 3,
  facts,
  content: { bytes: 0, depth: 0, chunks: [] },
});

/** What a node answers. */
const on = (node: string, ...answers: object[]) => ({ node, answers });

describe("ETS and DETS tables", () => {
  const facts = { name: "sessions", named: true, type: "set", keypos: 1, protection: "private", compressed: "false" };
  const wanted = [{ path: "sessions", file: "/f", entry: entry("sessions", facts), sum }];
  const there = { ...facts, compressed: false, path: "sessions", rows: 3, sum: [1, 2, 3, 4] };
  const problems = (answer: object, rows = sum) =>
    compareLoaded(
      "ets",
      [{ path: "sessions", file: "/f", entry: entry("sessions", facts), sum: rows }],
      [answer],
    ).problems.map(({ path, what }) => `${path}: ${what}`);

  it("are proven when all is the same", () => {
    expect(compareLoaded("ets", wanted, [there])).toEqual({ tables: 1, rows: 3, problems: [], notes: [] });
  });

  it.for([
    [{ ...there, rows: 2 }, ["sessions: it has 2 rows, not 3"]],
    [{ ...there, sum: [1, 2, 3, 5] }, ["sessions: its rows are others: their checksum differs"]],
    [{ ...there, type: "bag", keypos: 2 }, ["sessions: its type is bag, not set", "sessions: its keypos is 2, not 1"]],
    [{ path: "sessions", error: "badfile" }, ["sessions: OTP does not load it: badfile"]],
    [{ ...there, path: "other" }, ["sessions: the table is missing"]],
  ] as const)("are named when not: %j", ([answer, named]) => {
    expect(problems(answer)).toEqual(named);
  });

  it("whose rows hold closures are compared without these, and it says so", () => {
    const closed: RowSum = { ...sum, closures: 1, openSum: [7, 7, 7, 7] };
    const answer = { ...there, sum: [9, 9, 9, 9], open_sum: [7, 7, 7, 7] };
    const { problems: none, notes } = compareLoaded(
      "ets",
      [{ path: "sessions", file: "/f", entry: entry("sessions", facts), sum: closed }],
      [answer],
    );
    expect([none, notes]).toEqual([[], ["sessions: 1 rows hold closures, which are counted and not compared"]]);
    expect(problems({ ...answer, open_sum: [7, 7, 7, 8] }, closed)).toEqual([
      "sessions: its rows are others: their checksum differs",
    ]);
  });
});

const account = {
  name: "account",
  type: "set",
  record_name: "account",
  attributes: ["id", "name"],
  index: [4, 3],
  ram_copies: [],
  disc_copies: ["b@y", "a@x"],
  disc_only_copies: [],
  local_content: false,
  majority: false,
  load_order: 0,
};

/** A node's own content. */
const own = (node: string, rows: RowSum): MnesiaWanted => ({
  path: `local/${node}/account`,
  entry: entry(`local/${node}/account`, { ...account, local_content: true }),
  sum: rows,
  node,
});

describe("Mnesia tables", () => {
  const wanted: MnesiaWanted[] = [
    { path: "tables/account", entry: entry("tables/account", account), sum, node: undefined },
  ];
  const there = {
    ...account,
    index: [3, 4],
    disc_copies: ["a@x", "b@y"],
    storage: "disc_copies",
    rows: 3,
    sum: [1, 2, 3, 4],
  };
  const none = new Map<string, string>();
  const told = (nodes: Parameters<typeof compareMnesia>[1], known = none) =>
    compareMnesia(wanted, nodes, known).problems.map(({ path, what }) => `${path}: ${what}`);

  it("are proven on every node that has a copy; order of nodes and indexes does not count", () => {
    const compared = compareMnesia(wanted, [on("a@x", there), on("b@y", there)], none);
    expect(compared).toEqual({ tables: 1, rows: 3, problems: [], notes: [] });
  });

  it("are named with the node where they differ", () => {
    const fewer = { ...there, rows: 2 };
    expect(told([on("a@x", there), on("b@y", fewer)])).toEqual(["tables/account: on b@y: it has 2 rows, not 3"]);
    const swapped = { ...there, attributes: ["name", "id"] };
    expect(told([on("a@x", swapped), on("b@y", there)])).toEqual([
      "tables/account: on a@x: its attributes is [name,id], not [id,name]",
    ]);
    const inMemory = { ...there, storage: "ram_copies" };
    expect(told([on("a@x", inMemory), on("b@y", there)])).toEqual([
      "tables/account: on a@x: its storage is ram_copies, not disc_copies",
    ]);
  });

  it("are named when they are missing, or were never captured", () => {
    expect(told([on("a@x"), on("b@y")])).toEqual(["tables/account: the table is missing"]);
    const extra = { name: "audit", storage: "ram_copies", rows: 0, sum: [0, 0, 0, 0] };
    const both = [on("a@x", there, extra), on("b@y", there, extra)];
    expect(told(both)).toEqual(["audit: it is defined, and its rows are not in the restore point"]);
    const known = new Map([["audit", "no live replica"]]);
    expect(compareMnesia(wanted, both, known)).toMatchObject({
      problems: [],
      notes: ["mnesia audit is empty: it was not captured (no live replica)"],
    });
  });

  it("with content of their own on each node are compared with that node's", () => {
    const two: RowSum = { ...sum, sum: [5, 6, 7, 8] };
    const local = { ...there, local_content: true };
    const right = [on("a@x", local), on("b@y", { ...local, sum: [5, 6, 7, 8] })];
    expect(compareMnesia([own("a@x", sum), own("b@y", two)], right, none)).toMatchObject({ tables: 2, problems: [] });
    const mixed = [on("a@x", local), on("b@y", local)];
    expect(compareMnesia([own("a@x", sum), own("b@y", two)], mixed, none).problems).toEqual([
      { path: "local/b@y/account", what: "on b@y: its rows are others: their checksum differs" },
    ]);
  });
});
