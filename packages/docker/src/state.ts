import type Docker from "dockerode";
import { BackupError } from "@erlmcp/errors";
import { answerStatus, brief, request } from "./failure.ts";
import type { ContainerState } from "./types.ts";
import { readContainer } from "./wire.ts";

export type StateVerb = "pause" | "unpause" | "stop" | "start";
/** `already`: it was so before; nothing was done. */
export type StateChange = "done" | "already";

const wanted: Record<StateVerb, readonly ContainerState[]> = {
  pause: ["paused"],
  unpause: ["running"],
  stop: ["exited", "created", "dead"],
  start: ["running"],
};

const orders: Record<StateVerb, (container: Docker.Container) => Promise<unknown>> = {
  pause: (container) => container.pause(),
  unpause: (container) => container.unpause(),
  stop: (container) => container.stop(),
  start: (container) => container.start(),
};

/**
 * Changes a container's state and makes sure that it has changed.
 *
 * @throws BackupError FAILED when the engine refuses or the container is in another state afterwards
 */
export async function changeState(container: Docker.Container, verb: StateVerb): Promise<StateChange> {
  const what = `${verb} container ${brief(container.id)}`;
  const before = await stateOf(container);
  if (wanted[verb].includes(before)) return "already";
  await request(what, () => unlessAlready(orders[verb](container)));
  const after = await stateOf(container);
  if (!wanted[verb].includes(after)) throw new BackupError("FAILED", `${what}: it is ${after} afterwards`);
  return "done";
}

async function stateOf(container: Docker.Container): Promise<ContainerState> {
  return readContainer(await request(`container ${brief(container.id)}`, () => container.inspect())).state;
}

/** 304 says that somebody was faster; the state is looked at afterwards anyhow. */
async function unlessAlready(change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (answerStatus(error) !== 304) throw error;
  }
}
