import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { answerStatus, brief, request } from "./failure.ts";
import { LiveContainer, throwawayLabel, throwawaySpec, type ThrowawaySpec } from "./throwaway-spec.ts";

/** A started container that ends with us, or at `end`. */
export interface HeldContainer {
  readonly id: string;
  end(): Promise<void>;
}

/** Containers, volumes and networks that are made for a while and leave nothing behind. `label` names whose they are. */
export interface Throwaways {
  volume(name: string, label: string): Promise<void>;
  /** A network without a way out. */
  network(name: string, label: string): Promise<void>;
  /** Starts a container that waits for processes. @throws BackupError NOT_FOUND (no such image), FAILED */
  hold(spec: ThrowawaySpec, label: string): Promise<HeldContainer>;
  /** Makes a container that runs its own program; it isn't started. @returns its ID */
  create(spec: ThrowawaySpec, label: string): Promise<string>;
  remove(container: string): Promise<void>;
  /** Removes all that carries the label, or all but the volumes. Resolves when it is gone. @throws BackupError FAILED when something stays */
  removeAll(label: string, what?: "all" | "running"): Promise<void>;
  /** Removes all whose owner, the container that its label names, no longer runs. @returns how many things */
  removeAbandoned(): Promise<number>;
}

/** The host has no address in the network either: what it publishes can't be reached from there. */
const unreachableHost = { "com.docker.network.bridge.inhibit_ipv4": "true" };

export function throwawaysOn(docker: Docker): Throwaways {
  return {
    async volume(name, label) {
      await request(`volume ${name}`, () => docker.createVolume({ Name: name, Labels: { [throwawayLabel]: label } }));
    },
    async network(name, label) {
      const options = {
        Name: name,
        Driver: "bridge",
        Internal: true,
        Options: unreachableHost,
        Labels: { [throwawayLabel]: label },
      };
      await request(`network ${name}`, () => docker.createNetwork(options));
    },
    hold: (spec, label) => hold(docker, spec, label),
    create: async (spec, label) => (await create(docker, spec, label)).id,
    remove: (container) => removeContainer(docker.getContainer(container)),
    async removeAll(label, what = "all") {
      await removeWhere(docker, (thing) => thing.owner === label && (what === "all" || thing.kind !== "volume"));
    },
    removeAbandoned: () => removeAbandoned(docker),
  };
}

async function create(docker: Docker, spec: ThrowawaySpec, label: string): Promise<Docker.Container> {
  const like = spec.run.kind === "own" ? spec.run.like : undefined;
  const live =
    like === undefined
      ? undefined
      : LiveContainer.parse(await request(`container ${brief(like)}`, () => docker.getContainer(like).inspect()));
  const options = throwawaySpec(spec, { label, live });
  return request(`container ${spec.name}`, () => docker.createContainer(options));
}

async function hold(docker: Docker, spec: ThrowawaySpec, label: string): Promise<HeldContainer> {
  const container = await create(docker, spec, label);
  try {
    const attach = { stream: true, hijack: true, stdin: true };
    const socket = z.instanceof(Duplex).parse(await request(spec.name, () => container.attach(attach)));
    socket.on("error", () => undefined); // it only says that we are here
    socket.resume();
    await request(spec.name, () => container.start());
    return {
      id: container.id,
      async end() {
        socket.destroy();
        await removeContainer(container);
      },
    };
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
}

/** Gone, or going, is what is wanted. */
async function removeContainer(container: Docker.Container): Promise<void> {
  await unlessGone(container.id, () => container.remove({ force: true, v: true }));
}

async function unlessGone(what: string, remove: () => Promise<unknown>): Promise<void> {
  try {
    await request(what, remove);
  } catch (error) {
    const status = error instanceof BackupError ? answerStatus(error.cause) : undefined;
    if (status !== 404 && status !== 409 && status !== 403) throw error; // 403: a network whose container is just going
  }
}

const Labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const Containers = z.array(z.object({ Id: z.string(), Labels }));
const Networks = z.array(z.object({ Id: z.string(), Labels }));
const Volumes = z.object({ Volumes: z.array(z.object({ Name: z.string(), Labels })).nullish() });

interface Thing {
  readonly kind: "container" | "network" | "volume";
  readonly owner: string;
  readonly remove: () => Promise<void>;
}

function ownerIn(labels: Record<string, string>): string {
  return labels[throwawayLabel] ?? "";
}

/** Everything of all drills, in the order in which it can be removed: containers use networks and volumes. */
async function things(docker: Docker): Promise<Thing[]> {
  const filters = { label: [throwawayLabel] };
  const containers = Containers.parse(await request("containers", () => docker.listContainers({ all: true, filters })));
  const networks = Networks.parse(await request("networks", () => docker.listNetworks({ filters })));
  const volumes = Volumes.parse(await request("volumes", () => docker.listVolumes({ filters }))).Volumes ?? [];
  return [
    ...containers.map((one) => ({
      kind: "container" as const,
      owner: ownerIn(one.Labels),
      remove: () => removeContainer(docker.getContainer(one.Id)),
    })),
    ...networks.map((one) => ({
      kind: "network" as const,
      owner: ownerIn(one.Labels),
      remove: () => unlessGone("network", () => docker.getNetwork(one.Id).remove()),
    })),
    ...volumes.map((one) => ({
      kind: "volume" as const,
      owner: ownerIn(one.Labels),
      remove: () => unlessGone("volume", () => docker.getVolume(one.Name).remove()),
    })),
  ];
}

const removalLimitMs = 60_000; // a container that the engine is removing already keeps its volumes for a moment
const betweenTriesMs = 200;

async function removeWhere(docker: Docker, isOurs: (thing: Thing) => boolean): Promise<number> {
  const deadline = AbortSignal.timeout(removalLimitMs);
  let first: number | undefined;
  for (;;) {
    const found = (await things(docker)).filter(isOurs);
    first ??= found.length;
    if (found.length === 0) return first;
    if (deadline.aborted) {
      throw new BackupError("FAILED", `${found.length} containers, networks or volumes of a drill cannot be removed`, {
        hint: `See docker ps -a, network ls and volume ls, each with --filter label=${throwawayLabel}.`,
      });
    }
    for (const { remove } of found) await remove();
    await delay(betweenTriesMs);
  }
}

async function removeAbandoned(docker: Docker): Promise<number> {
  const running = Containers.parse(await request("containers", () => docker.listContainers()));
  const alive = new Set(running.map(({ Id }) => Id));
  return removeWhere(docker, ({ owner }) => !alive.has(owner));
}
