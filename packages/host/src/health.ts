import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";

/** A container that is to be well. */
export interface Awaited {
  readonly id: string;
  readonly name: string;
}

/** How long something is waited for, and what ends the waiting. */
export interface Patience {
  readonly limitMs?: number | undefined; // five minutes when undefined
  readonly signal: AbortSignal;
  readonly monotonicMs: () => number;
}

const defaultLimitMs = 300_000;
const betweenLooksMs = 500;
const steadyMs = 3000; // a container without a health check counts as well when it has run for so long

/**
 * Waits until every container is well: by its own health check, and where it has none by running on.
 *
 * @throws BackupError FAILED that names the one which is not
 */
export async function awaitHealth(
  engine: Pick<Engine, "container" | "health">,
  services: readonly Awaited[],
  { limitMs = defaultLimitMs, signal, monotonicMs }: Patience,
): Promise<void> {
  const deadline = monotonicMs() + limitMs;
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

async function lookAt(
  engine: Pick<Engine, "container" | "health">,
  service: Awaited,
): Promise<"none" | "starting" | "healthy" | "unhealthy"> {
  const { state } = await engine.container(service.id);
  if (state === "restarting") return "starting";
  if (state !== "running") throw unwell(service, `it is ${state}`);
  return engine.health(service.id);
}

function unwell({ name }: Awaited, why: string): BackupError {
  return new BackupError("FAILED", `${name} is not well after its start: ${why}`, {
    hint: `See docker logs ${name}.`,
  });
}
