import { z } from "zod";
import { BackupError } from "@erlmcp/errors";
import type { Engine } from "./engine.ts";
import { messageOf } from "./failure.ts";
import type { Container } from "./types.ts";

export type QuiesceAction = "pause" | "stop";

/** What was running and is about to be paused or stopped, in that order. Written down before it is done. */
export const QuiesceIntent = z.strictObject({
  containers: z.array(z.strictObject({ id: z.string(), name: z.string(), action: z.enum(["pause", "stop"]) })),
});
export type QuiesceIntent = z.infer<typeof QuiesceIntent>;

/** Keeps the intent where the next run finds it, should this one be killed. Both resolve when it is on disk. */
export interface IntentRecord {
  put(intent: QuiesceIntent): Promise<void>;
  clear(): Promise<void>;
}

export interface QuiescePlan {
  containers: readonly { container: Container; action: QuiesceAction }[];
  record: IntentRecord;
  deadlineMs: number; // how long they may be still; afterwards the work is aborted
  signal?: AbortSignal | undefined;
}

type Switch = Pick<Engine, "container" | "pause" | "unpause" | "stop" | "start">;

/** What became of one container of an intent. `missing`: it exists no more. */
export interface Resumed {
  name: string;
  outcome: "resumed" | "already" | "missing";
}

/**
 * Does `work` while containers are paused or stopped. However it ends, they run again before this returns: only
 * those that ran before, the last first. Containers that don't run are left as they are.
 *
 * @throws BackupError FAILED when one cannot be paused or stopped, when the deadline has passed, or when one cannot
 *   be resumed; then the intent stays recorded
 */
export async function whileQuiet<T>(
  engine: Switch,
  plan: QuiescePlan,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const intent: QuiesceIntent = { containers: [] };
  for (const { container, action } of plan.containers) {
    if (container.state !== "running") continue;
    intent.containers.push({ id: container.id, name: container.name, action });
  }
  plan.signal?.throwIfAborted();
  if (intent.containers.length === 0) return work(plan.signal ?? new AbortController().signal);
  await plan.record.put(intent);
  let outcome: { value: T } | { error: unknown };
  try {
    outcome = { value: await quietly(engine, plan, { intent, work }) };
  } catch (error) {
    outcome = { error };
  }
  await resume(engine, intent, "error" in outcome ? outcome.error : undefined);
  await plan.record.clear();
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

async function quietly<T>(
  engine: Switch,
  plan: QuiescePlan,
  task: { intent: QuiesceIntent; work: (signal: AbortSignal) => Promise<T> },
): Promise<T> {
  const overdue = new AbortController();
  const names = task.intent.containers.map(({ name }) => name).join(", ");
  const expire = (): void =>
    overdue.abort(
      new BackupError("SOURCE_FAILED", `${names}: had to run again after ${plan.deadlineMs} ms, before all was read`, {
        hint: "Allow more time, or set erlmcp.backup.during=run.",
      }),
    );
  const timer = setTimeout(expire, plan.deadlineMs);
  const signal = plan.signal === undefined ? overdue.signal : AbortSignal.any([plan.signal, overdue.signal]);
  try {
    for (const { id, action } of task.intent.containers) {
      signal.throwIfAborted();
      await engine[action](id);
    }
    return await task.work(signal);
  } finally {
    clearTimeout(timer);
  }
}

async function resume(engine: Switch, intent: QuiesceIntent, cause: unknown): Promise<void> {
  try {
    await undoQuiesce(engine, intent);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    throw new BackupError(error.code, error.message, {
      ...(error.hint && { hint: error.hint }),
      cause: cause ?? error,
    });
  }
}

/**
 * Makes everything in an intent run again, the last first. Done twice it does nothing the second time. Every
 * container is tried before a failure is told.
 *
 * @throws BackupError FAILED naming those that don't run
 */
export async function undoQuiesce(engine: Switch, intent: QuiesceIntent): Promise<Resumed[]> {
  const done: Resumed[] = [];
  const failed: string[] = [];
  for (const { id, name, action } of intent.containers.toReversed()) {
    try {
      const change = action === "pause" ? await unpause(engine, id) : await engine.start(id);
      done.push({ name, outcome: change === "done" ? "resumed" : "already" });
    } catch (error) {
      if (error instanceof BackupError && error.code === "NOT_FOUND") done.push({ name, outcome: "missing" });
      else failed.push(`${name} (${messageOf(error)})`);
    }
  }
  if (failed.length > 0) {
    throw new BackupError("FAILED", `containers that were stopped or paused don't run again: ${failed.join(", ")}`, {
      hint: "Start them with docker start or docker unpause.",
    });
  }
  return done;
}

/** A container that somebody has stopped meanwhile stays stopped: only the pause is ours to undo. */
async function unpause(engine: Switch, id: string): Promise<"done" | "already"> {
  const { state } = await engine.container(id);
  return state === "paused" ? engine.unpause(id) : "already";
}
