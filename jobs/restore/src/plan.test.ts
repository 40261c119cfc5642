import type { Container, ContainerState, ErlangSettings, Source } from "@erlmcp/docker";
import type { ManifestSource } from "@erlmcp/manifest";
import { expect, it } from "vitest";
import { whole } from "./parts.ts";
import { asleep, describePlan, planAsData, planRestore } from "./plan.ts";
import { findTarget } from "./targets.ts";

function container(name: string, state: ContainerState, more: Partial<Container> = {}): Container {
  return {
    id: `id of ${name}`,
    name,
    image: "app",
    imageId: "sha256:0",
    state,
    labels: {},
    project: "shop",
    service: name,
    oneOff: false,
    mounts: [{ type: "volume", volume: "data", source: "", target: "/data", readOnly: false }],
    networks: [],
    hostname: name,
    ...more,
  };
}

function source(component: ManifestSource["component"], name: string, facts: ManifestSource["facts"]): ManifestSource {
  const content = { bytes: 0, depth: 0, chunks: [] };
  return { component, name, facts, entries: content, entry_count: 0, rows: 0, bytes: 0, grade: null };
}

const volume = { name: "data", driver: "local", labels: {}, project: "shop", shortName: "data", anonymous: false };
const settings: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };

function erlangSource(node: Container): Source {
  const components = ["ets", "dets", "mnesia"] as const;
  return {
    kind: "erlang",
    container: node,
    components,
    settings,
    name: node.name,
    reason: "label",
    unavailable: undefined,
  };
}

function plan(node: Container, others: readonly Container[], sources: readonly ManifestSource[]) {
  const here = { volumes: [volume], sources: [erlangSource(node)] };
  return planRestore(sources.map(whole), { here, containers: [node, ...others], renames: new Map() });
}

const files = source("volumes", "data", {});
const tables = source("ets", "a@b", {
  containers: [{ name: "node", service: "node", hostname: "node" }],
  node: { node: "a@b", container: "node", otp: "27" },
});

it.each<{ state: ContainerState; stopped: string[] }>([
  { state: "running", stopped: ["node"] },
  { state: "paused", stopped: ["node"] },
  { state: "restarting", stopped: ["node"] }, // it would come back in the middle
  { state: "created", stopped: ["node"] }, // and started at the end
  { state: "exited", stopped: [] }, // and stays so
])("a $state container that uses a volume: $stopped is stopped", ({ state, stopped }) => {
  expect(plan(container("node", state), [], [files]).stop.map(({ name }) => name)).toEqual(stopped);
});

it("stops whoever uses the volume, of any project, but starts nobody who was only created and is not asked for", () => {
  const stranger = container("stranger", "running", { project: undefined });
  const made = container("made", "created", { project: "other" });
  const { stop } = plan(container("node", "running"), [stranger, made], [files]);
  expect(stop.map(({ name }) => name)).toEqual(["node", "stranger"]);
});

it("refuses ETS of a node that stands still, and not of one that it starts", () => {
  expect(asleep(plan(container("node", "exited"), [], [tables])).map(({ message }) => message)).toEqual([
    "node is exited, and ETS tables are restored in the running node",
  ]);
  expect(asleep(plan(container("node", "created"), [], [files, tables]))).toEqual([]);
  expect(asleep(plan(container("node", "running"), [], [tables]))).toEqual([]);
});

it("finds a cluster's containers in the order of its nodes, whatever the order in which they were listed", () => {
  const [one, two] = [
    container("first-1", "running", { service: "one" }),
    container("second-1", "running", { service: "two" }),
  ];
  const facts = {
    containers: [
      { name: "old-one", service: "one", hostname: "one" },
      { name: "old-two", service: "two", hostname: "two" },
    ],
    nodes: [
      { node: "b@two", container: "old-two", otp: "27" },
      { node: "a@one", container: "old-one", otp: "27" },
    ],
  };
  const sources = [one, two].map((node) => erlangSource(node));
  expect(findTarget(source("mnesia", "cluster", facts), { volumes: [], sources })).toEqual({
    kind: "container",
    containers: [two, one],
  });
});

it("is printed in 80 columns, with the estimate's basis and what to do about each problem", () => {
  const made = plan(container("app", "running"), [], [files, source("volumes", "gone", {})]);
  const estimate = { seconds: 42, basis: "measured in the last 2 restores here" };
  const lines = describePlan(made, { id: "erlmcp_full_20260202_120000", estimate });
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines).toContain("about 42 s (measured in the last 2 restores here)");
  expect(lines).toContain("REFUSED   volumes gone has no place here: there is no volume gone");
  expect(lines).toContain("          Create it first (docker compose up --no-start), or leave it out with");
  expect(planAsData(made, { id: "x", estimate })).toMatchObject({
    backup_id: "x",
    stop: ["app"],
    steps: [{ component: "volumes", source: "data", targets: ["data"] }],
    start: ["app"],
    estimated_seconds: 42,
    estimate_basis: estimate.basis,
  });
});
