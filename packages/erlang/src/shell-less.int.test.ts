import { openEngine, type Engine, type ErlangSettings } from "@erlmcp/docker";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  agentFiles,
  buildImage,
  buildShellLessImage,
  docker,
  Lab,
  type ShellLessNode,
  Sinks,
  stalled,
  until,
  withHelper,
} from "../test/lab.ts";
import { captureErlang, type ErlangResult } from "./capture.ts";
import { restoreEts } from "./restore-ets.ts";
import { memorySpill } from "./testing.ts";

const lab = new Lab();
let engine: Engine;
let agent: Awaited<ReturnType<typeof agentFiles>>;
let node: ShellLessNode;
const plain: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };

beforeAll(async () => {
  engine = withHelper(await openEngine());
  await buildImage();
  await buildShellLessImage();
  agent = await agentFiles();
  node = await lab.shellLess();
});
afterAll(() => lab.remove());

interface How {
  readonly on?: Engine;
  readonly sinks?: Sinks;
  readonly settings?: Partial<ErlangSettings>;
  readonly signal?: AbortSignal;
}

function capture({ on = engine, sinks = new Sinks(), settings = {}, signal }: How = {}): Promise<ErlangResult> {
  return captureErlang({
    engine: on,
    agent,
    nodes: [{ container: node.container, settings: { ...plain, ...settings } }],
    components: ["ets", "dets", "mnesia"],
    openSink: sinks.open,
    spill: memorySpill(),
    signal: signal ?? new AbortController().signal,
  });
}

/** No module or process of ours in the node, no container of ours beside it. */
async function expectNothingLeft(): Promise<void> {
  await until(async () => (await node.ask("erlmcp_lab:agent_traces()")) === "[]");
  const beside = ["ps", "--all", "--no-trunc", "--quiet", "--filter", "label=erlmcp.job=node-client"];
  await until(async () => {
    const ids = (await docker(...beside)).split("\n").filter(Boolean);
    const modes = await Promise.all(ids.map((id) => networkOf(id)));
    return !modes.includes(`container:${node.container}`);
  });
}

/** Empty when the container is gone meanwhile. */
async function networkOf(id: string): Promise<string> {
  try {
    return (await docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", id)).trim();
  } catch (error) {
    if (error instanceof Error && /no such (object|container)/i.test(error.message)) return "";
    throw error;
  }
}

/** Without two unnamed tables that nothing but their rows tells apart. */
function named(text: string): string[] {
  return text.split("\n").filter((line) => !line.includes("lab_anonymous"));
}

it("has no shell to run anything with", async () => {
  await expect(docker("exec", node.container, "/bin/sh", "-c", "true")).rejects.toThrow("docker exec");
});

it("captures a node in an image without a shell, and puts its ETS tables back", async () => {
  const sinks = new Sinks();
  const before = await node.ask("erlmcp_lab:digests()");
  const { sources, warnings } = await capture({ sinks });
  expect(warnings).toEqual([]);
  expect(sources.map(({ component, error }) => [component, error])).toEqual([
    ["mnesia", undefined],
    ["ets", undefined],
    ["dets", undefined],
  ]);
  const ets = sinks.of("ets", node.name);
  expect(ets.entries.find(({ path }) => path === "lab_set")).toMatchObject({ rows: 30_000 });
  expect(sinks.of("mnesia", node.name).entries.map(({ facts }) => facts["name"])).toContain("lab_disc");
  expect(sinks.of("dets", node.name).entries.length).toBeGreaterThan(1);
  await expectNothingLeft();

  await node.ask("erlmcp_lab:spoil()");
  const { signal } = new AbortController();
  const { entries, read } = ets;
  await restoreEts({ engine, agent, entries, read, signal }, { container: node.container, settings: plain });
  expect(named(await node.ask("erlmcp_lab:digests()"))).toEqual(named(before));
  await expectNothingLeft();
});

it("lets one job at a time in, and leaves nothing behind when it is interrupted", async () => {
  const interrupted = new AbortController();
  let second: ErlangResult | undefined;
  const first = capture({
    on: stalled(engine, 1024 * 1024, async () => {
      second = await capture();
      interrupted.abort(new Error("interrupted"));
    }),
    signal: interrupted.signal,
  });
  await expect(first).rejects.toThrow("interrupted");
  expect(second?.sources[0]?.error?.message).toMatch(/another backup job is at work in lab@127\.0\.0\.1$/);
  await expectNothingLeft();
});

it("names another node than the label says, and a cookie that cannot be read", async () => {
  const other = await capture({ settings: { node: "shop@127.0.0.1" } });
  expect(other.sources[0]?.error?.message).toMatch(/is lab@127\.0\.0\.1, not shop@127\.0\.0\.1$/);
  const { sources } = await capture({ settings: { cookieFile: "/missing" } });
  expect(sources[0]?.error?.message).toMatch(/: \/missing \(label erlmcp\.backup\.cookie-file\) cannot be read$/);
  await expectNothingLeft();
});
