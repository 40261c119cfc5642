import { expect, it } from "vitest";
import { BackupError } from "@erlmcp/errors";
import { undoQuiesce, whileQuiet, type QuiesceIntent, type QuiescePlan } from "./quiesce.ts";
import type { Container, ContainerState } from "./types.ts";

/** Containers that only have a state, and a log of what was done to them. */
function installation(states: Record<string, ContainerState>, refuse?: string) {
  const log: string[] = [];
  const look = (name: string): Container => {
    const state = states[name];
    if (state === undefined) throw new BackupError("NOT_FOUND", `container ${name}: no such container`);
    const rest = { project: undefined, service: undefined, oneOff: false, mounts: [], networks: [], hostname: name };
    return { id: name, name, image: "x", imageId: "sha256:0", state, labels: {}, ...rest };
  };
  const change = (verb: string, to: ContainerState) => async (name: string) => {
    if (refuse === `${verb} ${name}`) throw new BackupError("FAILED", `${verb} container ${name}: refused`);
    if (look(name).state === to) return "already" as const;
    log.push(`${verb} ${name}`);
    states[name] = to;
    return "done" as const;
  };
  const record = {
    put: async ({ containers }: QuiesceIntent) => void log.push(`record ${containers.map((c) => c.id).join(" ")}`),
    clear: async () => void log.push("clear"),
  };
  const engine = {
    container: async (name: string) => look(name),
    pause: change("pause", "paused"),
    unpause: change("unpause", "running"),
    stop: change("stop", "exited"),
    start: change("start", "running"),
  };
  const plan = (more: Partial<QuiescePlan> = {}): QuiescePlan => ({
    containers: [
      { container: look("a"), action: "pause" },
      { container: look("b"), action: "stop" },
    ],
    record,
    deadlineMs: 60_000,
    ...more,
  });
  return { engine, log, plan, states };
}

const there = ["record a b", "pause a", "stop b"];
const back = ["start b", "unpause a", "clear"];

it("writes down what it will do, does it, and undoes it the other way round", async () => {
  const { engine, log, plan } = installation({ a: "running", b: "running" });
  const result = await whileQuiet(engine, plan(), async () => log.push("work"));
  expect(result).toBe(4);
  expect(log).toEqual([...there, "work", ...back]);
});

it("undoes it when the work fails, and tells that failure", async () => {
  const { engine, log, plan } = installation({ a: "running", b: "running" });
  await expect(whileQuiet(engine, plan(), async () => Promise.reject(new Error("disk full")))).rejects.toThrow(
    "disk full",
  );
  expect(log).toEqual([...there, ...back]);
});

it("undoes what was done when the next cannot be", async () => {
  const { engine, log, plan } = installation({ a: "running", b: "running" }, "stop b");
  await expect(whileQuiet(engine, plan(), async () => log.push("work"))).rejects.toThrow("stop container b: refused");
  expect(log).toEqual(["record a b", "pause a", "unpause a", "clear"]);
});

it("leaves alone what didn't run before", async () => {
  const { engine, log, plan } = installation({ a: "exited", b: "paused" });
  await whileQuiet(engine, plan(), async () => log.push("work"));
  expect(log).toEqual(["work"]);
});

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

it("makes them run again when the deadline has passed", async () => {
  const { engine, log, plan } = installation({ a: "running", b: "running" });
  await expect(whileQuiet(engine, plan({ deadlineMs: 1 }), untilAborted)).rejects.toThrow(
    "a, b: had to run again after 1 ms",
  );
  expect(log).toEqual([...there, ...back]);
});

it("makes them run again when it is interrupted", async () => {
  const { engine, log, plan } = installation({ a: "running", b: "running" });
  const interrupt = new AbortController();
  const work = async (signal: AbortSignal): Promise<void> => {
    interrupt.abort(new BackupError("INTERRUPTED", "interrupted"));
    signal.throwIfAborted();
  };
  await expect(whileQuiet(engine, plan({ signal: interrupt.signal }), work)).rejects.toThrow("interrupted");
  expect(log).toEqual([...there, ...back]);
});

it("keeps the record when a container cannot be resumed, and tries the others", async () => {
  const { engine, log, plan } = installation({ a: "running", b: "running" }, "start b");
  await expect(whileQuiet(engine, plan(), async () => undefined)).rejects.toThrow(
    "containers that were stopped or paused don't run again: b (start container b: refused)",
  );
  expect(log).toEqual([...there, "unpause a"]);
});

it("undoes a dead run's intent, and nothing the second time", async () => {
  const { engine, log } = installation({ a: "paused", b: "exited" });
  const containers: QuiesceIntent["containers"] = [
    { id: "a", name: "a", action: "pause" },
    { id: "b", name: "b", action: "stop" },
    { id: "gone", name: "gone", action: "stop" },
  ];
  expect(await undoQuiesce(engine, { containers })).toEqual([
    { name: "gone", outcome: "missing" },
    { name: "b", outcome: "resumed" },
    { name: "a", outcome: "resumed" },
  ]);
  const again = await undoQuiesce(engine, { containers });
  expect(again.map(({ outcome }) => outcome)).toEqual(["missing", "already", "already"]);
  expect(log).toEqual(["start b", "unpause a"]);
});

it("leaves stopped what somebody else has stopped while it was paused", async () => {
  const { engine, log } = installation({ a: "exited" });
  const intent: QuiesceIntent = { containers: [{ id: "a", name: "a", action: "pause" }] };
  expect(await undoQuiesce(engine, intent)).toEqual([{ name: "a", outcome: "already" }]);
  expect(log).toEqual([]);
});
