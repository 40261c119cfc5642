import { expect, it } from "vitest";
import type { ListedDatabase } from "./facts.ts";
import { databasePath, planDatabases } from "./plan.ts";

function listed(name: string, row: Partial<ListedDatabase["row"]> = {}): ListedDatabase {
  const plain = { datallowconn: true, datistemplate: false, datconnlimit: -1, datcollate: "C", datctype: "C" };
  return { name, owner: "postgres", encoding: "UTF8", tablespace: "pg_default", row: { ...plain, ...row } };
}

const all = [
  listed("postgres"),
  listed("app"),
  listed("template1", { datistemplate: true }),
  listed("template0", { datallowconn: false }),
  listed("closed", { datallowconn: false }),
  listed("half-dropped", { datallowconn: true, datconnlimit: -2 }),
];

it("dumps all that allow connections, in the order of their paths, and says why not the others", () => {
  const { dumped, leftOut } = planDatabases(all, undefined);
  expect(dumped.map(({ path }) => path)).toEqual(["databases/app", "databases/postgres", "databases/template1"]);
  expect(leftOut.map(({ name, verdict }) => `${name} ${verdict}`)).toEqual([
    "template0 excluded",
    "closed unreadable",
    "half-dropped excluded",
  ]);
});

it("dumps those that a label names, and misses one that isn't there", () => {
  const { dumped, leftOut } = planDatabases(all, ["app", "shop"]);
  expect(dumped.map(({ database }) => database.name)).toEqual(["app"]);
  expect(leftOut).toContainEqual({
    name: "shop",
    verdict: "failed",
    reason: "the label erlmcp.backup.databases names it, and it does not exist",
  });
  expect(leftOut.filter(({ verdict }) => verdict === "excluded")).toHaveLength(5);
});

it("orders by bytes, not by letters", () => {
  const names = ["b", "Z", "é", "a/b", "a"];
  const { dumped } = planDatabases(
    names.map((name) => listed(name)),
    undefined,
  );
  expect(dumped.map(({ path }) => path)).toEqual([
    "databases/Z",
    "databases/a",
    "databases/a%2Fb",
    "databases/b",
    "databases/é",
  ]);
});

it.for([
  { name: "app", path: "databases/app" },
  { name: "Übung čšž", path: "databases/Übung čšž" },
  { name: "a/../b", path: "databases/a%2F..%2Fb" },
  { name: "..", path: "databases/%2E%2E" },
  { name: ".", path: "databases/%2E" },
  { name: "50%2F", path: "databases/50%252F" },
])("gives $name a path of one name", ({ name, path }) => {
  expect(databasePath(name)).toBe(path);
});
