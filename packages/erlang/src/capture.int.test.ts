import { openEngine, type Engine, type ErlangSettings } from "@erlmcp/docker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentFiles, buildImage, docker, Lab, type LabNode, Sinks, unpackIn } from "../test/lab.ts";
import { captureErlang, type ErlangComponent, type ErlangResult } from "./capture.ts";
import { memorySpill } from "./testing.ts";
import { unpack, type UnpackFile } from "./unpack.ts";

const lab = new Lab();
let engine: Engine;
let files: Awaited<ReturnType<typeof agentFiles>>;
let node: LabNode;
const settings: ErlangSettings = {
  node: undefined,
  cookieFile: undefined,
  ets: "user",
  etsSuspend: ["lab_ordered", "lab_dup"],
  dets: ["/home/erlmcp/closed.dets", "/home/erlmcp/dirty.dets"],
};

beforeAll(async () => {
  engine = await openEngine();
  await buildImage();
  files = await agentFiles();
  node = await lab.node("erl1");
});
afterAll(() => lab.remove());

interface Run {
  sinks: Sinks;
  result: ErlangResult;
}

async function capture(
  nodes: readonly { container: string; settings: ErlangSettings }[],
  {
    signal = new AbortController().signal,
    components = ["ets", "dets", "mnesia"] as ErlangComponent[],
    sinks = new Sinks(),
  } = {},
): Promise<Run> {
  const spill = memorySpill();
  const result = await captureErlang({ engine, agent: files, nodes, components, openSink: sinks.open, spill, signal });
  expect(spill.open).toBe(0);
  return { sinks, result };
}

/** Unpacks everything that was captured of one node into a container and loads it there with OTP's own functions. */
async function loaded(run: Run, source: string, question = 'erlmcp_lab:load("/tmp/copy")'): Promise<string> {
  const container = await lab.container("--hostname", source.split("@")[1] ?? "");
  await docker("exec", container, "mkdir", "-p", "/tmp/copy/ets", "/tmp/copy/dets");
  const mnesia = run.sinks.of("mnesia", source);
  const list: { file: UnpackFile; sink: typeof mnesia }[] = [];
  for (const kind of ["ets", "dets"] as const) {
    const sink = run.sinks.of(kind, source);
    for (const entry of sink.entries) {
      const name = (typeof entry.path === "string" ? entry.path : "").replaceAll("/", "__");
      list.push({ file: { kind, file: `/tmp/copy/${kind}/${name}`, entry }, sink });
    }
  }
  const [schema] = mnesia.entries.filter((entry) => entry.path === "schema");
  if (schema === undefined) throw new Error("no schema");
  const tables = mnesia.entries.filter((entry) => entry !== schema);
  list.push({ file: { kind: "mnesia", file: "/tmp/copy/mnesia.bup", schema, tables }, sink: mnesia });
  for (const kind of ["ets", "dets", "mnesia"] as const) {
    const own = list.filter(({ file }) => file.kind === kind);
    const sink = run.sinks.of(kind, source);
    const rows = await unpack(unpackIn(container), files.unpack, {
      files: own.map(({ file }) => file),
      read: sink.read,
    });
    expect(rows).toHaveLength(own.length);
  }
  const code = `io:put_chars(${question}), halt().`;
  return docker(
    "exec",
    container,
    "erl",
    "-noinput",
    "-kernel",
    "logger_level",
    "error",
    "-sname",
    "lab",
    "-setcookie",
    "lab-cookie",
    "-pa",
    "/lab",
    "-eval",
    code,
  );
}

describe("a node with tables of every kind", () => {
  it("comes back term for term, loaded by OTP's own functions into an empty node", async () => {
    const before = await node.ask("erlmcp_lab:digests()");
    const run = await capture([{ container: node.container, settings }]);
    expect(run.result.warnings).toEqual([]);
    expect(run.result.sources.map(({ component, name, error }) => ({ component, name, error }))).toEqual([
      { component: "mnesia", name: "lab@erl1", error: undefined },
      { component: "ets", name: "lab@erl1", error: undefined },
      { component: "dets", name: "lab@erl1", error: undefined },
    ]);
    expect((await loaded(run, "lab@erl1")).split("\n")).toEqual(before.split("\n"));
    expect(await node.ask("erlmcp_lab:agent_traces()")).toBe("[]");
  });

  it("gives the same bytes and facts each time", async () => {
    const one = await capture([{ container: node.container, settings }]);
    const two = await capture([{ container: node.container, settings }]);
    for (const [name, sink] of one.sinks.all) {
      // Contents are named by their SHA-256. Mnesia gives the schema a new cookie in each checkpoint.
      const same = sink.entries.filter((entry) => entry.path !== "schema");
      expect(two.sinks.all.get(name)?.entries).toEqual(expect.arrayContaining(same));
    }
  });

  it("has a verdict for every table, with grade and notes", async () => {
    const { sinks } = await capture([{ container: node.container, settings }]);
    const ets = new Map(sinks.of("ets", "lab@erl1").lines.map((line) => [line.name, line]));
    const all = JSON.parse(await node.ask('io_lib:format("~p", [length(ets:all())])'));
    expect(ets.size).toBeGreaterThanOrEqual(all - 2); // fixed tables of the asking client come and go
    expect(ets.get("lab_set")).toMatchObject({ verdict: "captured", grade: "fuzzy-verified", rows: 30_000 });
    expect(ets.get("lab_ordered")).toMatchObject({ verdict: "captured", grade: "point-in-time", rows: 13 });
    expect(ets.get("lab_terms")?.notes).toEqual([
      "1 row holds pids, which mean nothing after a restart",
      "1 row holds references, which mean nothing after a restart",
    ]);
    expect(ets.get("lab_fun")?.notes).toEqual(["1 row holds functions, which mean nothing after a restart"]);
    expect(ets.get("lab_disc")).toMatchObject({
      verdict: "excluded",
      reason: "belongs to Mnesia and is captured there",
    });
    expect(ets.get("ac_tab")).toMatchObject({ verdict: "ephemeral" });
    const dets = sinks.of("dets", "lab@erl1").lines;
    expect(dets.map(({ name, verdict, grade }) => [name, verdict, grade])).toEqual(
      expect.arrayContaining([
        ["lab_dets", "captured", "point-in-time"],
        ["lab_only", "excluded", undefined],
        ["/home/erlmcp/closed.dets", "captured", "point-in-time"],
        ["/home/erlmcp/dirty.dets", "captured", "fuzzy-verified"],
      ]),
    );
    const mnesia = sinks.of("mnesia", "lab@erl1").lines;
    expect(mnesia.every(({ verdict, grade }) => verdict === "captured" && grade === "transactional")).toBe(true);
    expect(mnesia.find(({ name }) => name === "lab_dumped")?.rows).toBe(300); // not the 100 of the dump
  });

  it("is one moment of a node that is written to: what transactions keep is kept", async () => {
    const sum = await node.ask("erlmcp_lab:sum()");
    await node.ask("begin erlmcp_lab:write_forever(), [] end");
    const run = await capture([{ container: node.container, settings: { ...settings, dets: [] } }]);
    await node.ask("begin erlmcp_lab:stop_writing(), [] end");
    expect(run.result.sources.every(({ error }) => error === undefined)).toBe(true);
    expect(run.sinks.of("mnesia", "lab@erl1").lines.find(({ name }) => name === "lab_disc")).toMatchObject({
      rows: 20_000,
    });
    expect(run.sinks.of("dets", "lab@erl1").lines.find(({ name }) => name === "lab_dets")).toMatchObject({
      grade: "point-in-time",
    });
    const load = 'begin erlmcp_lab:load("/tmp/copy"), erlmcp_lab:sum() end';
    expect(await loaded(run, "lab@erl1", load)).toBe(sum);
    expect(await node.ask("erlmcp_lab:agent_traces()")).toBe("[]");
  });
});
