import { openEngine, type Engine, type ErlangSettings } from "@erlmcp/docker";
import type { ContentRef, TableEntry } from "@erlmcp/entry";
import { afterAll, beforeAll, expect, it } from "vitest";
import { agentFiles, buildImage, Lab, type LabNode, type MemorySink, Sinks, until } from "../test/lab.ts";
import { captureErlang } from "./capture.ts";
import { lookAtNode } from "./look.ts";
import { isPartOfTable, planMnesiaPut, type MnesiaPut } from "./plan-mnesia-put.ts";
import { restoreMnesiaTables, type MnesiaRestored } from "./restore-mnesia.ts";
import { memorySpill } from "./testing.ts";

const lab = new Lab();
const settings: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };
const { signal } = new AbortController();
let engine: Engine;
let agent: Awaited<ReturnType<typeof agentFiles>>;
let first: LabNode;
let second: LabNode;
let sink: MemorySink;

beforeAll(async () => {
  engine = await openEngine();
  await buildImage();
  agent = await agentFiles();
  const network = await lab.network();
  const on = (host: string): string[] => ["--network", network, "--network-alias", host];
  first = await lab.node("p1", { options: on("p1") });
  await first.ask("erlmcp_lab:hold(120000)");
  second = await lab.node("p2", { options: on("p2"), expression: "erlmcp_lab:join('lab@p1')." });
  const sinks = new Sinks();
  await captureErlang({
    engine,
    agent,
    nodes: [first, second].map(({ container }) => ({ container, settings })),
    components: ["mnesia"],
    openSink: sinks.open,
    spill: memorySpill(),
    signal,
  });
  sink = sinks.of("mnesia", "lab@p1+lab@p2");
});
afterAll(() => lab.remove());

/** Every kind of storage, bags, an index, other record names, fragments, local content, a table of the other node alone. */
const kinds = ["lab_disc", "lab_ram", "lab_only", "lab_mbag", "lab_empty", "lab_named", "lab_frag"];
const fragments = ["lab_frag", "lab_frag_frag2", "lab_frag_frag3", "lab_frag_frag4"];
const everywhere = [...kinds, ...fragments.slice(1), "lab_dumped", "lab_local"];

async function plan(wanted: readonly string[]): Promise<readonly MnesiaPut[]> {
  const entries = sink.entries.filter((entry) => wanted.some((name) => isPartOfTable(entry, name)));
  const members = [];
  for (const { container, name } of [first, second]) {
    const inventory = await lookAtNode({ engine, agent, signal }, { container, settings });
    members.push({ recorded: name, inventory });
  }
  const { puts, refused } = planMnesiaPut(entries, { members, renames: new Map(), ramTables: true });
  expect(refused).toEqual([]);
  return puts;
}

async function restore(
  wanted: readonly string[],
  read: (content: ContentRef) => AsyncIterable<Uint8Array> = sink.read,
): Promise<MnesiaRestored[]> {
  const nodes = new Map([first, second].map(({ container, name }) => [name, { container, settings }]));
  return restoreMnesiaTables({ engine, agent, puts: await plan(wanted), nodes, read, signal });
}

const digests = (node: LabNode, names: readonly string[]): Promise<string> =>
  node.ask(`erlmcp_lab:mnesia_digests([${names.join(", ")}])`);
const spoil = (node: LabNode, names: readonly string[]): Promise<string> =>
  node.ask(`erlmcp_lab:spoil_mnesia([${names.join(", ")}])`);

async function everything(): Promise<string> {
  return `${await digests(first, everywhere)}${await digests(second, ["lab_disc", "lab_local", "lab_second"])}`;
}

async function expectNothingLeft(): Promise<void> {
  for (const node of [first, second]) {
    expect(await node.ask("erlmcp_lab:agent_traces()")).toBe("[]");
    const stages = await node.ask('io_lib:format("~p", [[T || T <- ets:all(), ets:info(T, name) =:= erlmcp_stage]])');
    expect(stages).toBe("[]");
    expect(await node.ask('io_lib:format("~p", [mnesia:system_info(held_locks)])')).toBe("[]");
  }
}

it("brings tables of every kind back on all nodes, and leaves every other table alone", async () => {
  const before = await everything();
  await spoil(first, [...kinds, ...fragments.slice(1), "lab_local"]);
  await spoil(second, ["lab_second", "lab_local"]);
  const others = await digests(first, ["lab_dumped", "lab_big"]);
  const restored = await restore([...kinds, "lab_local", "lab_second"]);
  expect(await everything()).toBe(before);
  expect(await digests(first, ["lab_dumped", "lab_big"])).toBe(others);
  expect(restored.map(({ name, node }) => `${name} ${node}`).filter((one) => /frag|second|local/.test(one))).toEqual([
    "lab_local lab@p1",
    "lab_frag lab@p1",
    "lab_frag_frag2 lab@p1",
    "lab_frag_frag3 lab@p1",
    "lab_frag_frag4 lab@p1",
    "lab_local lab@p2",
    "lab_second lab@p2",
  ]);
  expect(restored.find(({ name }) => name === "lab_disc")).toMatchObject({
    rows: 20_000,
    found: 20_000,
    written: 6672, // 6,667 that were gone, 5 that were changed
    removed: 5,
    dead: 0,
  });
  expect(await first.ask("integer_to_list(length(mnesia:dirty_index_read(lab_disc, 3, a)))")).toBe("2000");
  await expectNothingLeft();
});

it("writes only what differs, while transactions on other tables go on", async () => {
  const sum = await first.ask("erlmcp_lab:sum()");
  await first.ask('erlmcp_lab:write_forever(), ""');
  try {
    await spoil(first, ["lab_mbag"]);
    const restored = await restore(["lab_mbag"]);
    expect(restored).toMatchObject([{ name: "lab_mbag", rows: 200, found: 200 }]);
    expect(await restore(["lab_mbag"])).toMatchObject([{ written: 0, removed: 0 }]);
  } finally {
    await first.ask('erlmcp_lab:stop_writing(), ""');
  }
  expect(await first.ask("erlmcp_lab:sum()")).toBe(sum);
  await expectNothingLeft();
});

it("is done or not done when it is cut off, never half", async () => {
  const before = await digests(first, ["lab_big"]);
  const rows = () => first.ask("integer_to_list(mnesia:table_info(lab_big, size))");
  await first.ask('begin {atomic, ok} = mnesia:clear_table(lab_big), "" end');
  const short = async function* (content: ContentRef): AsyncGenerator<Uint8Array> {
    for await (const block of sink.read(content)) {
      yield block;
      await first.ask('case whereis(erlmcp_agent) of undefined -> ""; Pid -> exit(Pid, kill), "" end');
    }
  };
  await expect(restore(["lab_big"], short)).rejects.toMatchObject({ code: "SOURCE_FAILED" });
  expect(await rows()).toBe("0");
  await first.ask("erlmcp_lab:cut_at(lab_big, 1000)"); // when the transaction is being committed, Mnesia itself finishes it
  await expect(restore(["lab_big"])).rejects.toMatchObject({ code: "SOURCE_FAILED" });
  await until(async () => (await rows()) === "120000");
  expect(await digests(first, ["lab_big"])).toBe(before);
  expect(await restore(["lab_big"])).toMatchObject([{ rows: 120_000, found: 120_000, written: 0, removed: 0 }]);
  await expectNothingLeft();
});

it("touches nothing when rows are missing, or would not fit", async () => {
  await spoil(first, ["lab_disc", "lab_frag"]);
  const before = await everything();
  const short = async function* (content: ContentRef): AsyncGenerator<Uint8Array> {
    let sent = 0;
    for await (const block of sink.read(content)) {
      sent += block.length;
      if (sent > 500_000) throw new Error("cut off");
      yield block;
    }
  };
  await expect(restore(["lab_frag", "lab_disc"], short)).rejects.toThrow("cut off");
  const [disc] = await plan(["lab_disc"]);
  if (disc === undefined) throw new Error("no lab_disc");
  const entry: TableEntry = { ...disc.entry, rows: disc.entry.rows + 1 };
  const nodes = new Map([[first.name, { container: first.container, settings }]]);
  const options = { engine, agent, nodes, read: sink.read, signal };
  await expect(restoreMnesiaTables({ ...options, puts: [{ ...disc, entry }] })).rejects.toMatchObject({
    code: "CORRUPT",
  });
  const elsewhere = { ...disc, table: { ...disc.table, name: "lab_empty", record_name: "lab_empty" } };
  await expect(restoreMnesiaTables({ ...options, puts: [elsewhere] })).rejects.toThrow("attributes are others now");
  expect(await everything()).toBe(before);
  await restore(["lab_disc", "lab_frag"]);
  await expectNothingLeft();
});
