import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";

/** A container as the journal names it. */
export interface Service {
  readonly id: string;
  readonly name: string;
}

type Switch = Pick<Engine, "container" | "unpause" | "stop" | "start" | "health">;

const healthLimitMs = 300_000;
const betweenLooksMs = 500;
const steadyMs = 3000; // a container without a health check counts as well when it has run for so long

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

/**
 * Waits until every service is well: by its own health check, and where it has none by running on.
 *
 * @throws BackupError FAILED that names the one which is not
 */
export async function awaitHealth(
  engine: Switch,
  services: readonly Service[],
  { signal, monotonicMs }: { signal: AbortSignal; monotonicMs: () => number },
): Promise<void> {
  const deadline = monotonicMs() + healthLimitMs;
  for (const service of services) {
    const since = monotonicMs();
    let health = await lookAt(engine, service);
    while (health === "starting" || (health === "none" && monotonicMs() - since < steadyMs)) {
      if (monotonicMs() > deadline) throw unwell(service, "its health check still says starting");
      await delay(betweenLooksMs, undefined, { signal });
      health = await lookAt(engine, service);
    }
    if (health === "unhealthy") throw unwell(service, "its health check fails");
  }
}

async function lookAt(engine: Switch, service: Service): Promise<"none" | "starting" | "healthy" | "unhealthy"> {
  const { state } = await engine.container(service.id);
  if (state === "restarting") return "starting";
  if (state !== "running") throw unwell(service, `it is ${state}`);
  return engine.health(service.id);
}

/** @throws BackupError FAILED when it does not answer with a 2xx status in time */
export async function awaitUrl(
  url: string,
  { signal, monotonicMs }: { signal: AbortSignal; monotonicMs: () => number },
): Promise<void> {
  const deadline = monotonicMs() + healthLimitMs;
  for (;;) {
    const answer = await ask(url, signal);
    if (answer === undefined) return;
    if (monotonicMs() > deadline) {
      throw new BackupError("FAILED", `HEALTH_URL does not say that all is well: ${answer}`, {
        hint: "See the logs of the application.",
      });
    }
    await delay(betweenLooksMs, undefined, { signal });
  }
}

/** What is wrong with its answer; undefined when nothing is. */
async function ask(url: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
    await answer.arrayBuffer();
    return answer.ok ? undefined : `status ${answer.status}`;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error); // not up yet
  }
}

function unwell({ name }: Service, why: string): BackupError {
  return new BackupError("FAILED", `${name} is not well after its start: ${why}`, {
    hint: `See docker logs ${name}.`,
  });
}
