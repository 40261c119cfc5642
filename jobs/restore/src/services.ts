import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import type { Patience } from "@erlmcp/host";

/** A container as the journal names it. */
export interface Service {
  readonly id: string;
  readonly name: string;
}

type Switch = Pick<Engine, "container" | "unpause" | "stop" | "start">;

const betweenLooksMs = 500;

/** Stops what runs, in order. A paused container is let go first: it could not end otherwise. */
export async function stopServices(engine: Switch, services: readonly Service[]): Promise<void> {
  for (const { id } of services) {
    if ((await engine.container(id)).state === "paused") await engine.unpause(id);
    await engine.stop(id);
  }
}

/** Starts them again, the last that was stopped first. */
export async function startServices(engine: Switch, services: readonly Service[]): Promise<void> {
  for (const { id } of services.toReversed()) await engine.start(id);
}

/** @throws BackupError FAILED when it does not answer with a 2xx status in time */
export async function awaitUrl(
  url: string,
  { limitMs, signal, monotonicMs }: Patience & { limitMs: number },
): Promise<void> {
  const deadline = monotonicMs() + limitMs;
  for (;;) {
    const answer = await ask(url, signal);
    if (answer === undefined) return;
    if (monotonicMs() > deadline) {
      throw new BackupError("FAILED", `HEALTH_URL does not say that all is well: ${answer}`, {
        hint: "See the logs of the application; HEALTH_TIMEOUT gives it longer.",
      });
    }
    await delay(betweenLooksMs, undefined, { signal });
  }
}

/** What is wrong with its answer; undefined when nothing is. */
async function ask(url: string, signal: AbortSignal): Promise<string | undefined> {
  const answer = await statusOf(url, signal);
  if (typeof answer === "string") return answer; // not up yet
  return answer >= 200 && answer < 300 ? undefined : `status ${answer}`;
}

const answerLimitMs = 10_000;

/** The status that it answers with, whatever that is, or why there is no answer. */
export async function statusOf(url: string, signal: AbortSignal): Promise<number | string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(answerLimitMs)]) });
    await answer.body?.cancel();
    return answer.status;
  } catch (error) {
    signal.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}
