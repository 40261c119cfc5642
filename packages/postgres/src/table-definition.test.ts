import { expect, it } from "vitest";
import { definitionProblems, type TableDefinition } from "./table-definition.ts";

const column = (name: string, definition: string): TableDefinition["columns"][number] => ({
  name,
  definition,
  generated: false,
});
const table: TableDefinition = {
  kind: "r",
  columns: [column("id", "integer NOT NULL"), column("name", "text")],
  constraints: [{ name: "t_pkey", definition: "PRIMARY KEY (id)" }],
  referencedBy: [],
  triggers: [],
  sequences: [],
};

it("finds nothing wrong with a table that is as it was, whatever its triggers and sequences", () => {
  const live = {
    ...table,
    triggers: [{ name: "x", enabled: "O" }],
    sequences: [{ column: "id", sequence: "s.t_id_seq" }],
  };
  expect(definitionProblems(live, table)).toEqual([]);
  expect(definitionProblems({ ...table, columns: table.columns.toReversed() }, table)).toEqual([]);
});

it.for<{ name: string; live: Partial<TableDefinition>; says: string[] }>([
  {
    name: "a column of another type",
    live: { columns: [column("id", "bigint NOT NULL"), column("name", "text")] },
    says: ["column id is bigint NOT NULL, and was integer NOT NULL"],
  },
  {
    name: "a column that is gone",
    live: { columns: [column("id", "integer NOT NULL")] },
    says: ["it has no column name"],
  },
  { name: "a new column", live: { columns: [...table.columns, column("more", "date")] }, says: ["column more is new"] },
  { name: "a constraint that is gone", live: { constraints: [] }, says: ["it has no constraint t_pkey"] },
  {
    name: "a new constraint",
    live: { constraints: [...table.constraints, { name: "c", definition: "CHECK (id > 0)" }] },
    says: ["constraint c is new"],
  },
  {
    name: "foreign keys that point to it",
    live: { referencedBy: ["a.b", "a.c"] },
    says: ["foreign keys of a.b, a.c point to it: restore the whole database"],
  },
  {
    name: "a partitioned table",
    live: { kind: "p" },
    says: ["it is partitioned, and its rows lie in its partitions: name one of those"],
  },
  { name: "a view", live: { kind: "v" }, says: ["it is no table with rows of its own"] },
])("finds $name", ({ live, says }) => {
  expect(definitionProblems({ ...table, ...live }, table)).toEqual(says);
});
