import type { Component } from "@erlmcp/entry";
import type { ManifestSource } from "@erlmcp/manifest";
import { expect, it } from "vitest";
import { planDrill } from "./plan.ts";

function source(component: Component, name: string, facts: object): ManifestSource {
  const entries = { bytes: 0, depth: 0, chunks: [] };
  const counts = { entry_count: 0, rows: 0, bytes: 0 };
  return { component, name, facts: JSON.parse(JSON.stringify(facts)), entries, ...counts, grade: null };
}

const place = (name: string) => ({
  name,
  service: name,
  hostname: name,
  image: "app:1",
  image_id: "sha256:1",
  mounts: [],
});
const containers = [place("one"), place("two")];
const node = (name: string, container: string) => ({ node: name, container, otp: "27" });

const cluster = source("mnesia", "a@one+b@two", {
  nodes: [
    { ...node("a@one", "one"), directory: "/data/mnesia" },
    { ...node("b@two", "two"), directory: "/var/mnesia" },
  ],
  db_nodes: ["a@one", "b@two"],
  containers,
});

it("gives each node of a cluster what is its own, and the others as peers", () => {
  const ets = source("ets", "a@one", { node: node("a@one", "one"), containers });
  const dets = source("dets", "b@two", { node: node("b@two", "two"), containers });
  const { nodes } = planDrill([cluster, ets, dets]);
  expect(nodes).toEqual([
    {
      key: "node-0",
      node: "a@one",
      otp: "27",
      place: containers[0],
      mnesia: cluster,
      directory: "/data/mnesia",
      peers: ["b@two"],
      alone: false,
      ets,
      dets: undefined,
    },
    expect.objectContaining({
      key: "node-1",
      node: "b@two",
      directory: "/var/mnesia",
      peers: ["a@one"],
      ets: undefined,
      dets,
    }),
  ]);
});

it("knows when some of a cluster is not in the restore point", () => {
  const part = source("mnesia", "a@one", {
    nodes: [node("a@one", "one")],
    db_nodes: ["a@one", "gone@away"],
    containers,
  });
  expect(planDrill([part]).nodes).toEqual([expect.objectContaining({ peers: [], alone: true })]);
});

it("keeps nodes of two installations apart that have the same name", () => {
  const first = source("ets", "a@x", { node: node("a@x", "one"), containers });
  const second = source("ets", "a@x", { node: node("a@x", "two"), containers });
  expect(planDrill([first, second]).nodes.map(({ place: { name }, ets }) => [name, ets])).toEqual([
    ["one", first],
    ["two", second],
  ]);
});

it("takes servers and trees as they come", () => {
  const server = source("postgres", "db", { containers: [place("db")] });
  const volume = source("volumes", "data", {});
  const config = source("config", "one", { containers: [place("one")] });
  const plan = planDrill([server, volume, config]);
  expect(plan.nodes).toEqual([]);
  expect(plan.servers).toEqual([{ key: "postgres-0", source: server, place: place("db") }]);
  expect(plan.trees).toEqual([
    { key: "tree-0", source: volume },
    { key: "tree-1", source: config },
  ]);
});

it.for([
  ["a node without a container", source("ets", "a@one", { node: node("a@one", "gone"), containers })],
  ["tables without a node", source("dets", "a@one", { containers })],
  ["a server without a container", source("postgres", "db", {})],
] as const)("refuses %s: it must not be passed over", ([, one]) => {
  expect(() => planDrill([one])).toThrow(expect.objectContaining({ code: "CORRUPT" }));
});
