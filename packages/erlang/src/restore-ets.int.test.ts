import { openEngine, type Engine, type ErlangSettings } from "@erlmcp/docker";
import type { ContentRef, TableEntry } from "@erlmcp/entry";
import { afterAll, beforeAll, expect, it } from "vitest";
import { agentFiles, buildImage, Lab, type LabNode, Sinks } from "../test/lab.ts";
import { captureErlang } from "./capture.ts";
import { restoreEts, type EtsRestored } from "./restore-ets.ts";
import { memorySpill } from "./testing.ts";

const lab = new Lab();
let engine: Engine;
let agent: Awaited<ReturnType<typeof agentFiles>>;
let node: LabNode;
const settings: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };
const { signal } = new AbortController();

beforeAll(async () => {
  engine = await openEngine();
  await buildImage();
  agent = await agentFiles();
  node = await lab.node("ets1");
});
afterAll(() => lab.remove());

type Sink = ReturnType<Sinks["of"]>;

async function capture(): Promise<Sink> {
  const sinks = new Sinks();
  const { container } = node;
  const nodes = [{ container, settings }];
  await captureErlang({
    engine,
    agent,
    nodes,
    components: ["ets"],
    openSink: sinks.open,
    spill: memorySpill(),
    signal,
  });
  return sinks.of("ets", "lab@ets1");
}

function restore(
  sink: Sink,
  {
    entries = sink.entries,
    read = sink.read,
  }: { entries?: TableEntry[]; read?: (content: ContentRef) => AsyncIterable<Uint8Array> } = {},
): Promise<EtsRestored[]> {
  return restoreEts({ engine, agent, entries, read, signal }, { container: node.container, settings });
}

const digests = (): Promise<string> => node.ask("erlmcp_lab:digests()");

/** Without two unnamed tables that nothing but their rows tells apart. */
function named(text: string): string[] {
  return text.split("\n").filter((line) => !line.includes("lab_anonymous"));
}

async function expectNothingLeft(): Promise<void> {
  expect(await node.ask("erlmcp_lab:agent_traces()")).toBe("[]");
  const stages = await node.ask('io_lib:format("~p", [[T || T <- ets:all(), ets:info(T, name) =:= erlmcp_stage]])');
  expect(stages).toBe("[]");
}

it("brings back every row of public, protected and private tables, in the order of those of one key", async () => {
  const before = await digests();
  const sink = await capture();
  await node.ask("erlmcp_lab:spoil()");
  expect(await digests()).not.toBe(before);
  const restored = await restore(sink);
  expect(named(await digests())).toEqual(named(before));
  const twins = restored.filter(({ name }) => name.startsWith("lab_anonymous#"));
  expect(twins.map(({ verdict }) => verdict)).toEqual(["ambiguous", "ambiguous"]);
  const others = restored.filter((table) => !twins.includes(table));
  expect(others.map(({ verdict }) => verdict)).toEqual(others.map(() => "restored"));
  expect(restored.find(({ name }) => name === "lab_set")).toMatchObject({ rows: 30_000, dead: 0 });
  expect(restored.find(({ name }) => name === "lab_fun")).toMatchObject({ rows: 1, dead: 1 });
  await expectNothingLeft();
});

it("names tables that are gone or of another type, and does not touch them", async () => {
  const sink = await capture();
  const before = await digests();
  const [entry] = sink.entries.filter(({ path }) => path === "lab_bag");
  if (entry === undefined) throw new Error("no lab_bag");
  const entries: TableEntry[] = [
    { ...entry, path: "lab_vanished" },
    { ...entry, facts: { ...entry.facts, keypos: 2 } },
    { ...entry, facts: { ...entry.facts, type: "set" } },
  ];
  const verdicts: string[] = [];
  for (const one of entries) verdicts.push(...(await restore(sink, { entries: [one] })).map(({ verdict }) => verdict));
  expect(verdicts).toEqual(["missing", "incompatible", "failed"]); // as a set, rows of one key collide
  expect(await digests()).toBe(before);
  await expectNothingLeft();
});

it("touches no table of which not all rows have come", async () => {
  const original = await digests();
  const sink = await capture();
  await node.ask("erlmcp_lab:spoil()");
  const before = await digests();
  const short = async function* (content: ContentRef): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const block of sink.read(content)) {
      sent += block.length;
      if (sent > 1_100_000) throw new Error("cut off");
      yield block;
    }
  };
  await expect(
    restore(sink, { read: short, entries: sink.entries.filter(({ path }) => path === "lab_set") }),
  ).rejects.toThrow("cut off");
  const entries = sink.entries.map((entry) => ({ ...entry, rows: entry.rows + 1 }));
  await expect(restore(sink, { entries })).rejects.toMatchObject({ code: "CORRUPT" });
  expect(await digests()).toBe(before);
  await expectNothingLeft();
  await restore(sink);
  expect(named(await digests())).toEqual(named(original));
});
