import type { Container, ContainerState, ErlangSettings } from "@erlmcp/docker";
import type { ManifestSource } from "@erlmcp/manifest";
import { expect, it } from "vitest";
import { whole } from "./parts.ts";
import { asleep, planRestore } from "./plan.ts";

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

function plan(node: Container, others: readonly Container[], sources: readonly ManifestSource[]) {
  const components = ["ets", "dets", "mnesia"] as const;
  const erlang = { kind: "erlang", container: node, components, settings, name: node.name } as const;
  const here = { volumes: [volume], sources: [{ ...erlang, reason: "label", unavailable: undefined }] };
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
