import { expect, it } from "vitest";
import { quoteLiteral } from "./access.ts";
import { readCounts } from "./counts.ts";

const table = (oid: number, name: string, estimate: number): string =>
  JSON.stringify({ table: { oid, schema: "public", name, bytes: 8192, estimate } });

it("puts exact counts to their tables, and estimates where there are none", () => {
  const output = [table(1, "a", 5), table(2, "b\nc", 41.6), table(3, "d", -1), '{"count": {"oid": 1, "rows": 7}}', ""];
  expect(readCounts(output.join("\n"))).toEqual([
    { schema: "public", name: "a", bytes: 8192, rows: 7, exact: true },
    { schema: "public", name: "b\nc", bytes: 8192, rows: 42, exact: false },
    { schema: "public", name: "d", bytes: 8192, rows: null, exact: false },
  ]);
});

it.for([
  { value: "plain", sql: "'plain'" },
  { value: "it's", sql: "'it''s'" },
  { value: "a\\'b", sql: " E'a\\\\''b'" },
])("quotes $value", ({ value, sql }) => {
  expect(quoteLiteral(value)).toBe(sql);
});
