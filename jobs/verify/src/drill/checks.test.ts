import { expect, it } from "vitest";
import { parseChecks, readChecks } from "./checks.ts";

it("reads checks in SQL and in Erlang", () => {
  const written = `[
    {"name": "people", "database": "app", "sql": "SELECT count(*) FROM person", "expect": "3"},
    {"name": "accounts", "node": "a@b", "erlang": "mnesia:table_info(account, size).", "expect": "1000"}
  ]`;
  expect(parseChecks(written, "DRILL_CHECKS")).toEqual([
    { name: "people", database: "app", sql: "SELECT count(*) FROM person", expect: "3" },
    { name: "accounts", node: "a@b", erlang: "mnesia:table_info(account, size).", expect: "1000" },
  ]);
  expect(parseChecks("[]", "DRILL_CHECKS")).toEqual([]);
});

it.for([
  ["{}", /^DRILL_CHECKS: it is no list of checks$/],
  ["[", /^DRILL_CHECKS: /],
  ['["x"]', /check 1: it is no object/],
  ['[{"name":"a","expect":"1"}]', /check 1: it has neither sql nor erlang/],
  ['[{"name":"a","sql":"x","erlang":"y","expect":"1"}]', /check 1: it has both sql and erlang/],
  ['[{"name":"a","sql":"x","expect":"1"}]', /check 1: database: /],
  ['[{"name":"a","erlang":"x","expect":1}]', /check 1: expect: /],
  ['[{"name":"a","erlang":"x","expect":"1","databse":"b"}]', /check 1: .*databse/],
  [
    '[{"name":"a","erlang":"x","expect":"1"},{"name":"a","erlang":"y","expect":"1"}]',
    /check 2 \(a\): another check has/,
  ],
] as const)("refuses %s", ([written, message]) => {
  const attempt = (): unknown => parseChecks(written, "DRILL_CHECKS");
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});

it("names all mistakes in one message", () => {
  expect(() => parseChecks('["x",{"name":"","erlang":"x","expect":"1"},{}]', "checks.json")).toThrow(
    /^checks\.json: check 1: .*; check 2: name: .*; check 3: /,
  );
});

it("takes them from one place, and says when it cannot be read", async () => {
  await expect(readChecks({ DRILL_CHECKS: "[]", DRILL_CHECKS_FILE: "/x" })).rejects.toThrow(/both set/);
  await expect(readChecks({ DRILL_CHECKS_FILE: "/nowhere/checks.json" })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: "the checks /nowhere/checks.json (DRILL_CHECKS_FILE) cannot be read",
  });
  expect(await readChecks({})).toEqual([]);
});
