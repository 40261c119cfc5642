import { openEngine, type Engine, type ErlangSettings } from "@erlmcp/docker";
import { afterAll, beforeAll, expect, it } from "vitest";
import { agentFiles, buildImage, docker, Lab, type LabNode, Sinks } from "../test/lab.ts";
import { captureErlang, type ErlangResult } from "./capture.ts";
import { framesOf, gather, memorySpill, write } from "./testing.ts";

const lab = new Lab();
const settings: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };
let engine: Engine;
let agent: Awaited<ReturnType<typeof agentFiles>>;
let first: LabNode;
let second: LabNode;

beforeAll(async () => {
  engine = await openEngine();
  await buildImage();
  agent = await agentFiles();
  const network = await lab.network();
  const on = (host: string): string[] => ["--network", network, "--network-alias", host];
  first = await lab.node("c1", { options: on("c1") });
  second = await lab.node("c2", { options: on("c2"), expression: "erlmcp_lab:join('lab@c1')." });
});
afterAll(() => lab.remove());

async function capture(nodes: readonly LabNode[]): Promise<{ sinks: Sinks; result: ErlangResult }> {
  const sinks = new Sinks();
  const result = await captureErlang({
    engine,
    agent,
    nodes: nodes.map(({ container }) => ({ container, settings })),
    components: ["mnesia"],
    openSink: sinks.open,
    spill: memorySpill(),
    signal: new AbortController().signal,
  });
  return { sinks, result };
}

it("takes one consistent copy of a cluster, and each node's local content", async () => {
  const { sinks, result } = await capture([second, first]);
  expect(result.sources.map(({ name, error }) => [name, error])).toEqual([["lab@c1+lab@c2", undefined]]);
  const sink = sinks.of("mnesia", "lab@c1+lab@c2");
  const paths = sink.entries.map((entry) => entry.path);
  expect(paths.filter((path) => typeof path === "string" && /^(local|schema)/.test(path))).toEqual([
    "local/lab@c1/lab_local",
    "local/lab@c2/lab_local",
    "schema",
  ]);
  expect(sink.lines.find(({ name }) => name === "lab_second")).toMatchObject({ verdict: "captured", rows: 1 });
  expect(sink.lines.filter(({ verdict }) => verdict !== "captured")).toEqual([]);
  const local = sink.entries.find((entry) => entry.path === "local/lab@c2/lab_local");
  const [row] = framesOf(local === undefined ? Buffer.alloc(0) : await gather(sink.read(local.content)));
  const expected = write({ tuple: [{ atom: "lab_local" }, { atom: "lab@c2" }, 2] });
  expect(row?.subarray(5)).toEqual(expected);
});

it("names what the other node's absence costs", async () => {
  const { sinks: unlabelled } = await capture([first]);
  const sink = unlabelled.of("mnesia", "lab@c1+lab@c2");
  expect(sink.lines.find(({ name }) => name === "lab_second")).toMatchObject({ verdict: "captured", rows: 1 });
  expect(sink.lines.find(({ name }) => name === "lab_local on lab@c2")).toMatchObject({
    verdict: "unreadable",
    reason: "local content of lab@c2, which is not labelled",
  });
  await docker("stop", "--time", "1", second.container);
  const { sinks: down } = await capture([first]);
  const lines = down.of("mnesia", "lab@c1+lab@c2").lines;
  expect(lines.filter(({ verdict }) => verdict !== "captured").map(({ name, reason }) => [name, reason])).toEqual([
    ["lab_second", "no live replica: its copies are on lab@c2"],
    ["lab_local on lab@c2", "local content of lab@c2, which is down"],
  ]);
  expect(lines.find(({ name }) => name === "lab_disc")).toMatchObject({ verdict: "captured", rows: 20_000 });
});
