import type { Entry } from "@erlmcp/entry";
import type { ManifestSource } from "@erlmcp/manifest";
import { expect, it } from "vitest";
import type { Selection } from "./cli.ts";
import { selectParts } from "./parts.ts";

const nothing = { bytes: 0, depth: 0, chunks: [] };

function source(component: ManifestSource["component"], name: string, facts: ManifestSource["facts"] = {}) {
  return { component, name, facts, entries: nothing, entry_count: 1, rows: 0, bytes: 0, grade: null };
}

const mnesia = source("mnesia", "erlmcp@a");
const ets = source("ets", "erlmcp@a");
const server = source("postgres", "db");
const data = source("volumes", "p_data", { volumes: [{ name: "p_data", short_name: "data" }] });
const logs = source("volumes", "p_logs", { volumes: [{ name: "p_logs", short_name: "logs" }] });
const config = source("config", "app");

function table(path: string, name: string): Entry {
  return { kind: "table", path, rows: 1, content: nothing, facts: { name } };
}

/** A fragment of a table of Mnesia. */
function fragment(name: string, base: string): Entry {
  return { kind: "table", path: `tables/${name}`, rows: 1, content: nothing, facts: { name, fragment_of: base } };
}

function database(name: string, tables: readonly string[]): Entry {
  const listed = tables.map((one) => {
    const [schema = "", called = ""] = one.includes(".") ? one.split(".") : ["public", one];
    return { schema, name: called };
  });
  return { kind: "dump", path: `databases/${name}`, content: nothing, facts: { name, tables: listed } };
}

function file(path: string): Entry {
  const facts = { mode: 0o644, uid: 0, gid: 0, mtime: "0", ctime: "0", inode: "1" };
  return { kind: "file", path, ...facts, size: 0, content: nothing };
}

const entries = new Map<ManifestSource, readonly Entry[]>([
  [
    mnesia,
    [
      table("schema", "schema"),
      table("tables/account", "account"),
      table("tables/both", "both"),
      fragment("metric", "metric"),
      fragment("metric_frag2", "metric"),
    ],
  ],
  [ets, [table("erlmcp_sessions", "erlmcp_sessions"), table("both", "both")]],
  [server, [database("shop", ["person", "item", "audit.log", "public.log"]), database("crm", ["person"])]],
  [data, [file("etc/app.conf"), file("same")]],
  [logs, [file("today.log"), file("same")]],
  [config, [file("etc/app/app.conf")]],
]);

const point = {
  manifest: { contents: { sources: [...entries.keys()] } },
  async *entries(of: ManifestSource) {
    yield* entries.get(of) ?? [];
  },
};

async function select(changes: Partial<Selection>) {
  const none = { only: undefined, tables: [], databases: [], volumes: [], paths: [] };
  const parts = await selectParts(point, { ...none, ...changes });
  return parts.map(({ source: of, tables, databases, paths }) => [
    of.component,
    of.name,
    ...[tables, databases, paths].flatMap((list) => list ?? []),
  ]);
}

it("takes all of it when nothing is named", async () => {
  expect(await select({})).toHaveLength(6);
  expect(await select({ only: new Set(["volumes"]) })).toEqual([
    ["volumes", "p_data"],
    ["volumes", "p_logs"],
  ]);
});

it.each<[string, Partial<Selection>, string[][]]>([
  ["one table", { tables: ["account"] }, [["mnesia", "erlmcp@a", "tables/account"]]],
  ["one of two of a name", { tables: ["ets:both"] }, [["ets", "erlmcp@a", "both"]]],
  ["a table of one database", { tables: ["item"] }, [["postgres", "db", '"shop"."public"."item"', "shop"]]],
  [
    "a table of the database that is named",
    { tables: ["public.person"], databases: ["crm"] },
    [["postgres", "db", '"crm"."public"."person"', "crm"]],
  ],
  ["a volume by its short name", { volumes: ["data"] }, [["volumes", "p_data"]]],
  ["a path that one volume has", { paths: ["/etc/app.conf"] }, [["volumes", "p_data", "etc/app.conf"]]],
  ["a path of a volume", { paths: ["same"], volumes: ["logs"] }, [["volumes", "p_logs", "same"]]],
  ["a path of a volume, written as one", { paths: ["data:same/"] }, [["volumes", "p_data", "same"]]],
  [
    "the whole of a component, and a table of another",
    { only: new Set(["ets", "postgres"]), tables: ["item"] },
    [
      ["postgres", "db", '"shop"."public"."item"', "shop"],
      ["ets", "erlmcp@a"],
    ],
  ],
])("takes %s", async (_, changes, wanted) => {
  expect(await select(changes)).toEqual(wanted);
});

it.each<[string, Partial<Selection>, string]>([
  ["a table that is not there", { tables: ["nobody"] }, "has no table nobody"],
  ["a table in two places", { tables: ["both"] }, "is in mnesia erlmcp@a and in ets erlmcp@a"],
  ["a table in two databases", { tables: ["person"] }, 'person is in "shop"."public"."person" and in "crm"."public"'],
  ["a table in two schemas", { tables: ["log"] }, 'table log is in "shop"."audit"."log" and in "shop"."public"."log"'],
  ["a path in two volumes", { paths: ["same"] }, "path same is in"],
  ["a path that is not there", { paths: ["data:today.log"] }, "has no path"],
  [
    "a database beside the table of another",
    { tables: ["item"], databases: ["shop", "crm"] },
    "--database=crm would not",
  ],
  [
    "a volume beside the path of another",
    { paths: ["etc/app.conf"], volumes: ["data", "logs"] },
    "--volume=logs would not",
  ],
  ["a component that it does not have", { only: new Set(["dets"]) }, "holds nothing of dets"],
])("refuses %s", async (_, changes, message) => {
  await expect(select(changes)).rejects.toThrow(message);
});

it("takes all fragments of a Mnesia table, and never the schema", async () => {
  const chosen = await select({ tables: ["mnesia:metric"] });
  expect(chosen).toEqual([["mnesia", "erlmcp@a", "tables/metric", "tables/metric_frag2"]]);
  await expect(select({ tables: ["mnesia:schema"] })).rejects.toMatchObject({ code: "NOT_FOUND" });
});
