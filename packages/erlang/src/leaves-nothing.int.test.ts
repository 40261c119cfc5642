import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { openEngine, type Engine } from "@erlmcp/docker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentFiles, buildImage, docker, Lab, type LabNode, Sinks, stalled, until } from "../test/lab.ts";
import { captureErlang, type ErlangResult } from "./capture.ts";
import { memorySpill } from "./testing.ts";

const lab = new Lab();
let engine: Engine;
let agent: Awaited<ReturnType<typeof agentFiles>>;
let node: LabNode;

beforeAll(async () => {
  engine = await openEngine();
  await buildImage();
  agent = await agentFiles();
  node = await lab.node("gone1");
  await node.ask("erlmcp_lab:hold(400000)");
});
afterAll(() => lab.remove());
async function capture(on: Engine, signal = new AbortController().signal): Promise<ErlangResult> {
  const settings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] } as const;
  return captureErlang({
    engine: on,
    agent,
    nodes: [{ container: node.container, settings }],
    components: ["mnesia", "ets", "dets"],
    openSink: new Sinks().open,
    spill: memorySpill(),
    signal,
  });
}

/** The node as it was: no module, process, checkpoint, fixed table or suspended process of ours, no client. */
async function clean(): Promise<void> {
  await until(async () => (await node.ask("erlmcp_lab:agent_traces()")) === "[]");
  await until(async () => (await docker("exec", node.container, "sh", "-c", vms)).trim() === "1");
  const { sources } = await capture(engine);
  expect(sources.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
}

const vms = "cat /proc/[0-9]*/comm | grep -c '^beam'";
const clientKill =
  "for c in $(grep -l '^beam' /proc/[0-9]*/comm); do grep -q erlmcp_none ${c%comm}cmdline && kill -9 $(basename ${c%/comm}); done; true";

describe("whatever ends a capture in the middle of a stream, the node is left as it was", () => {
  it.for([1, 10])("SIGKILL of the job after %i MiB, while the node waits for its reader", async (megabytes) => {
    const script = fileURLToPath(new URL("../test/capture-child.ts", import.meta.url));
    const child = spawn(process.execPath, [script, node.container, String(megabytes)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await once(child.stdout, "data");
    expect(String(said)).toBe("streaming\n");
    expect(await node.ask("erlmcp_lab:agent_traces()")).toContain("checkpoint");
    child.kill("SIGKILL");
    await clean();
  });

  it("kill -9 of the client VM in the container", async () => {
    const { sources } = await capture(
      stalled(engine, 5 * 1024 * 1024, async () => {
        await docker("exec", node.container, "sh", "-c", clientKill);
      }),
    );
    expect(sources[0]?.error?.message).toMatch(/^the client in .* ended with status 137/);
    await clean();
  });

  it("an interruption of the job", async () => {
    const interrupted = new AbortController();
    const running = capture(
      stalled(engine, 5 * 1024 * 1024, () => Promise.resolve(interrupted.abort(new Error("interrupted")))),
      interrupted.signal,
    );
    await expect(running).rejects.toThrow("interrupted");
    await clean();
  });

  it("a sink that fails", async () => {
    const broken = new Sinks();
    const settings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] } as const;
    const running = captureErlang({
      engine,
      agent,
      nodes: [{ container: node.container, settings }],
      components: ["mnesia"],
      openSink: (component, source) => {
        const sink = broken.open(component, source);
        sink.onBlock = () => Promise.reject(new Error("disk full"));
        return sink;
      },
      spill: memorySpill(),
      signal: new AbortController().signal,
    });
    await expect(running).rejects.toThrow("disk full");
    await clean();
  });

  it("the death of the agent's own process in the node", async () => {
    const { sources } = await capture(
      stalled(engine, 5 * 1024 * 1024, async () => {
        await node.ask("begin exit(whereis(erlmcp_agent), kill), [] end");
      }),
    );
    expect(sources.some(({ error }) => error !== undefined)).toBe(true);
    const { sources: again } = await capture(engine); // removes what the janitor no longer could
    expect(again.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    await clean();
  });
});

it("removes a checkpoint that a killed run left", async () => {
  await node.ask("erlmcp_lab:leave_checkpoint()");
  expect(await node.ask("erlmcp_lab:agent_traces()")).toContain("checkpoint");
  await capture(engine);
  await clean();
});

it("lets one job at a time into a node, and says who is busy", async () => {
  let second: ErlangResult | undefined;
  const first = await capture(
    stalled(engine, 1024 * 1024, async () => {
      second = await capture(engine);
    }),
  );
  expect(first.sources.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
  expect(second?.sources[0]?.error?.message).toMatch(/another backup job is at work in lab@gone1$/);
});
