import { openEngine, type Engine, type ErlangSettings } from "@erlmcp/docker";
import { afterAll, beforeAll, expect, it } from "vitest";
import { agentFiles, buildImage, docker, Lab, Sinks } from "../test/lab.ts";
import { captureErlang } from "./capture.ts";
import { memorySpill } from "./testing.ts";

const lab = new Lab();
let engine: Engine;
let agent: Awaited<ReturnType<typeof agentFiles>>;
const plain: ErlangSettings = { node: undefined, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] };

beforeAll(async () => {
  engine = await openEngine();
  await buildImage();
  agent = await agentFiles();
});
afterAll(() => lab.remove());

/** The reason why a container is refused; all three components must say the same. */
async function refusal(
  container: string,
  settings: Partial<ErlangSettings> = {},
): Promise<{ message: string; hint: string | undefined }> {
  const sinks = new Sinks();
  const { sources } = await captureErlang({
    engine,
    agent,
    nodes: [{ container, settings: { ...plain, ...settings } }],
    components: ["ets", "dets", "mnesia"],
    openSink: sinks.open,
    spill: memorySpill(),
    signal: new AbortController().signal,
  });
  expect(new Set(sources.map(({ error }) => error?.message)).size).toBe(1);
  expect([...sinks.all.values()].flatMap(({ lines }) => lines.map(({ verdict }) => verdict))).toEqual([
    "failed",
    "failed",
    "failed",
  ]);
  const message = sources[0]?.error?.message ?? "not refused";
  return { message: message.replaceAll(container, "CONTAINER"), hint: sources[0]?.error?.hint };
}

const ready = 'io:format("ready~n").';

it("refuses a container without a VM", async () => {
  const { message, hint } = await refusal(await lab.container());
  expect(message).toBe("container CONTAINER runs no Erlang VM");
  expect(hint).toBe("Is the label erlmcp.backup.erlang on the right container, and has the node started?");
});

it("refuses a node without distribution", async () => {
  const node = await lab.node("r1", { flags: [], expression: ready });
  const { message, hint } = await refusal(node.container);
  expect(message).toBe("cannot reach the node in CONTAINER: the VM was started without -name or -sname");
  expect(hint).toBe("Start the node with -sname or -name: without distribution nobody can look into it.");
});

it("refuses an empty node, and one whose Mnesia should run", async () => {
  const empty = await lab.node("r2", { expression: ready });
  expect((await refusal(empty.container)).message).toBe(
    "the node lab@r2 runs no application and holds no table of one",
  );
  const files = `mnesia:create_schema([node()]), ${ready}`;
  const stopped = await lab.node("r3", { expression: files });
  const { message } = await refusal(stopped.container);
  expect(message).toBe("Mnesia does not run on lab@r3, and its files lie in /home/erlmcp/Mnesia.lab@r3");
});

it("refuses another node than the label names, a wrong cookie and several VMs", async () => {
  const node = await lab.node("r4");
  expect((await refusal(node.container, { node: "shop@r4" })).message).toBe(
    "the node in CONTAINER is lab@r4, not shop@r4",
  );
  await docker("exec", node.container, "sh", "-c", "echo wrong-cookie >/tmp/wrong");
  const { message, hint } = await refusal(node.container, { cookieFile: "/tmp/wrong" });
  expect(message).toBe(
    "cannot reach the node in CONTAINER: lab@r4 does not let us in: wrong cookie, or it is not reachable under this name",
  );
  expect(`${message} ${hint}`).not.toContain("wrong-cookie");
  expect((await refusal(node.container, { cookieFile: "/tmp/missing" })).message).toBe(
    "cannot reach the node in CONTAINER: /tmp/missing (label erlmcp.backup.cookie-file) cannot be read",
  );
  await docker("exec", "--detach", node.container, "erl", "-noinput", "-sname", "other");
  const { message: several } = await refusalOnce(node.container);
  expect(several).toMatch(
    /^container CONTAINER runs several Erlang VMs: (lab|other) \(process \d+\), (lab|other) \(process \d+\)$/,
  );
});

/** The second VM takes a moment to be there. */
async function refusalOnce(container: string): Promise<{ message: string }> {
  for (;;) {
    const count = await docker("exec", container, "sh", "-c", "cat /proc/[0-9]*/comm | grep -c '^beam'");
    if (count.trim() === "2") return refusal(container);
  }
}

it("names a container that is gone", async () => {
  const container = await lab.container();
  await docker("rm", "--force", container);
  const { message } = await refusal(container);
  expect(message).toMatch(/no such container/i);
});
