import type { CatalogLine } from "@erlmcp/catalog";
import { expect, it } from "vitest";
import { earlierOf, vanishedSince, type KnownSource } from "./vanished.ts";

const point = (backup_id: string, components: CatalogLine["components"]): CatalogLine => ({
  backup_id,
  type: "full",
  timestamp: "2026-02-02T12:00:00.000Z",
  path: backup_id,
  retention_days: 30,
  format: 1,
  base: null,
  depends_on: [],
  complete: true,
  bytes: 1,
  source_bytes: 1,
  cipher: "none",
  key_ids: [],
  chunking: "",
  host: "here",
  components,
  grade: null,
});

it("compares each component with the newest restore point that has it", () => {
  const points = [
    point("erlmcp_full_20260201_000000", ["ets", "mnesia", "postgres"]),
    point("erlmcp_full_20260202_000000", ["postgres"]), // taken with --only
    point("erlmcp_full_20260203_000000", null), // another key: unknown
  ];
  expect(earlierOf(points, ["ets", "postgres", "config"])).toEqual([
    { id: "erlmcp_full_20260201_000000", components: new Set(["ets"]) },
    { id: "erlmcp_full_20260202_000000", components: new Set(["postgres"]) },
  ]);
});

const source = (component: KnownSource["component"], name: string, rows = 0, project = "shop"): KnownSource => ({
  component,
  name,
  rows,
  entry_count: 1,
  facts: { containers: [{ name, project }] },
});

const earlier = { id: "erlmcp_full_20260201_000000", components: new Set(["mnesia", "postgres", "volumes"] as const) };
const nothing = { now: [], ledger: [], project: undefined };

it("names what is gone", () => {
  expect(vanishedSince(earlier, [source("postgres", "db", 3)], nothing)).toEqual([
    "postgres db was in erlmcp_full_20260201_000000 and is not found any more",
  ]);
});

it("names what had rows and has none", () => {
  const now = [source("mnesia", "a@b", 0), source("volumes", "logs")];
  const before = [source("mnesia", "a@b", 1200), source("volumes", "logs")];
  expect(vanishedSince(earlier, before, { ...nothing, now })).toEqual([
    "mnesia a@b had 1,200 rows in erlmcp_full_20260201_000000 and has none now",
  ]);
});

it.for([
  { name: "is there", options: { ...nothing, now: [source("postgres", "db", 1)] } },
  {
    name: "could not be captured, which the ledger says",
    options: {
      ...nothing,
      ledger: [{ component: "postgres" as const, source: "db", name: "db", verdict: "failed" as const, reason: "x" }],
    },
  },
  { name: "is another project's", options: { ...nothing, project: "bank" } },
])("says nothing of what $name", ({ options }) => {
  expect(vanishedSince(earlier, [source("postgres", "db", 3)], options)).toEqual([]);
});

it("says nothing of components that were not asked for", () => {
  expect(vanishedSince(earlier, [source("ets", "a@b", 3)], nothing)).toEqual([]);
});
