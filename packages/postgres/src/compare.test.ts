import { expect, it } from "vitest";
import { compareContents, type RestoredContents } from "./compare.ts";
import type { TableCount } from "./counts.ts";
import type { DatabaseFacts } from "./recorded.ts";

const table = (name: string, rows: number | null, exact = true): TableCount => ({
  schema: "s",
  name,
  bytes: 1,
  rows,
  exact,
});
const recorded: DatabaseFacts = {
  name: "app",
  owner: "o",
  encoding: "UTF8",
  tablespace: "pg_default",
  collate: "C",
  ctype: "C",
  provider: "c",
  locale: null,
  bytes: 1,
  extensions: [{ name: "hstore", version: "1.8", schema: "public" }],
  largeObjects: 2,
  sequences: [
    { schema: "s", name: "a_id_seq" },
    { schema: "t", name: "a_id_seq" },
  ],
  tables: [table("a", 3), table("b", 0), table("c", 7, false), table("d", null, false)],
};
const restored = (tables: TableCount[], more: Partial<RestoredContents["contents"]> = {}): RestoredContents => ({
  tables,
  contents: { bytes: 5, extensions: recorded.extensions, largeObjects: 2, sequences: recorded.sequences, ...more },
});
const same = [table("a", 3), table("b", 0), table("c", null, false), table("d", null, false)];

it("adds up what is the same, and says how much was never counted", () => {
  expect(compareContents(recorded, restored([...same, table("new", 1)]))).toEqual({
    tables: 2,
    rows: 3,
    uncounted: 2,
    sequences: 2,
    extensions: 1,
    notes: ["rows of 2 tables were not counted at the capture"],
  });
});

it.for([
  { name: "a row less", found: restored([table("a", 2), ...same.slice(1)]), says: "table s.a has 2 rows, not 3" },
  {
    name: "a row more",
    found: restored([table("b", 1), same[0], ...same.slice(2)].filter((t) => t !== undefined)),
    says: "table s.b has 1 rows, not 0",
  },
  { name: "a table that is missing", found: restored(same.slice(1)), says: "table s.a is missing" },
  { name: "an uncounted table that is missing", found: restored(same.slice(0, 3)), says: "table s.d is missing" },
  { name: "a large object less", found: restored(same, { largeObjects: 1 }), says: "it has 1 large objects, not 2" },
  {
    name: "an extension that is missing",
    found: restored(same, { extensions: [] }),
    says: "extension hstore is missing",
  },
  {
    name: "a sequence that is missing",
    found: restored(same, { sequences: [{ schema: "s", name: "a_id_seq" }] }),
    says: "sequence t.a_id_seq is missing",
  },
])("finds $name", ({ found, says }) => {
  expect(() => compareContents(recorded, found)).toThrow(
    expect.objectContaining({ code: "CORRUPT", message: `database app is not restored as it was captured: ${says}` }),
  );
});

it("compares no sequences with a capture that did not list them", () => {
  expect(compareContents({ ...recorded, sequences: undefined }, restored(same, { sequences: [] })).sequences).toBe(0);
});

it("names the first few of many differences", () => {
  const many = { ...recorded, tables: ["a", "b", "c", "d", "e", "f", "g"].map((name) => table(name, 1)) };
  expect(() => compareContents(many, restored([]))).toThrow(
    "table s.a is missing; table s.b is missing; table s.c is missing; table s.d is missing; table s.e is missing and 2 more",
  );
});

it("says that nothing is compared when no table was listed", () => {
  const { notes } = compareContents({ ...recorded, tables: [] }, restored(same));
  expect(notes).toEqual(["no table was listed at the capture: nothing is compared"]);
});
