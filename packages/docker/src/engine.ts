import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { addAbortSignal, Readable } from "node:stream";
import type Docker from "dockerode";
import { BackupError } from "@erlmcp/errors";
import { startBeside, type BesideOptions } from "./beside.ts";
import { connect, type Connection } from "./connection.ts";
import { startExec, type Exec, type ExecOptions } from "./exec.ts";
import { brief, engineError, request } from "./failure.ts";
import { listContainers } from "./list.ts";
import { readPlacement } from "./mountinfo.ts";
import { collect, withInput, type RunOptions, type RunResult } from "./run.ts";
import { removeLeftovers, startSibling, type Sibling, type SiblingOptions } from "./sibling.ts";
import { outsideContainer, readSelf } from "./self.ts";
import { changeState, type StateChange } from "./state.ts";
import { throwawaysOn, type Throwaways } from "./throwaway.ts";
import type { Container, EngineFacts, Health, ImageFacts, Self, Volume } from "./types.ts";
import { readContainer, readHealth, readImage, readVolumes, WireExit, WireVersion } from "./wire.ts";

export interface EngineOptions {
  host?: string | undefined; // as DOCKER_HOST; that, or the default socket, when undefined
  timeoutMs?: number | undefined; // for the first answer, 10,000 by default
  newMark?: (() => string) | undefined; // names one exec among all; a UUID by default
  mountinfoPath?: string | undefined; // /proc/self/mountinfo by default
}

/** A Docker engine. Container arguments are names or IDs; every method rejects with a BackupError. */
export interface Engine {
  readonly facts: EngineFacts;
  /** @throws BackupError NOT_IN_CONTAINER, or ENGINE_UNREACHABLE when this engine doesn't know our container */
  self(): Promise<Self>;
  /** All of them, running or not, by name. */
  containers(): Promise<Container[]>;
  /** @throws BackupError NOT_FOUND */
  container(container: string): Promise<Container>;
  image(image: string): Promise<ImageFacts>;
  volumes(): Promise<Volume[]>;
  /** Starts a process in a running container and streams with it. */
  exec(container: string, options: ExecOptions): Promise<Exec>;
  /** Starts a process in a container of its own that shares a running one's network and process numbers. */
  beside(container: string, options: BesideOptions): Promise<Exec>;
  /** Runs a short command to its end and gives what it wrote. */
  run(container: string, options: RunOptions): Promise<RunResult>;
  /** A tar stream of a file or folder in a container, running or not. @throws BackupError NOT_FOUND */
  archive(container: string, path: string, signal?: AbortSignal): Promise<Readable>;
  /** Unpacks a tar stream into a folder of a container, running or not; owners and modes as it says. @throws BackupError NOT_FOUND */
  putArchive(container: string, folder: string, tar: Readable): Promise<void>;
  /** What the container's own health check says; "none" where it has none. */
  health(container: string): Promise<Health>;
  pause(container: string): Promise<StateChange>;
  unpause(container: string): Promise<StateChange>;
  /** Waits for the container's own stop timeout, then kills it, as `docker stop` does. */
  stop(container: string): Promise<StateChange>;
  start(container: string): Promise<StateChange>;
  /** Waits for a container that runs to end. @returns its exit code */
  wait(container: string, signal?: AbortSignal): Promise<number>;
  /** What is made for a while, apart from everything that lives here. */
  readonly throwaways: Throwaways;
  /** Starts a container like our own beside it. */
  startSibling(options: SiblingOptions): Promise<Sibling>;
  /** Stops and removes the siblings whose launcher no longer runs. @returns their names */
  removeLeftoverSiblings(): Promise<string[]>;
}

const defaultTimeoutMs = 10_000;

/** @throws BackupError ENGINE_UNREACHABLE, CONFIG_INVALID (no such kind of address) */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const connection = connect(options.host);
  const facts = await ping(connection, options.timeoutMs ?? defaultTimeoutMs);
  return engineOn(connection.docker, facts, options);
}

async function ping({ docker, address }: Connection, timeoutMs: number): Promise<EngineFacts> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const answer = WireVersion.parse(await answerOf(docker, signal));
    return { version: answer.Version, apiVersion: answer.ApiVersion, os: answer.Os, arch: answer.Arch, address };
  } catch (error) {
    throw new BackupError("ENGINE_UNREACHABLE", `no Docker engine answers at ${address}`, {
      hint: "Mount its socket into this container (-v /var/run/docker.sock:/var/run/docker.sock), or set DOCKER_HOST.",
      cause: error,
    });
  }
}

/** GET /version; the client library has no way to give that one up. */
function answerOf(docker: Docker, signal: AbortSignal): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const dial = { path: "/version", method: "GET", abortSignal: signal, statusCodes: { 200: true } };
  docker.modem.dial(dial, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  return promise;
}

function engineOn(docker: Docker, facts: EngineFacts, options: EngineOptions): Engine {
  const newMark = options.newMark ?? randomUUID;
  const at = (container: string): Docker.Container => docker.getContainer(container);
  const exec = (container: string, how: ExecOptions): Promise<Exec> =>
    startExec(docker, container, { ...how, mark: newMark() });
  const inspect = async (container: string): Promise<Container> =>
    readContainer(await request(`container ${brief(container)}`, () => at(container).inspect()));
  const image = async (name: string): Promise<ImageFacts> =>
    readImage(await request(`image ${name}`, () => docker.getImage(name).inspect()));
  const self = async (): Promise<Self> => {
    const placement = readPlacement(await readFile(options.mountinfoPath ?? "/proc/self/mountinfo", "utf8"));
    return readSelf(placement, { inspect, image, address: facts.address });
  };
  return {
    facts,
    self,
    containers: () => listContainers(docker),
    container: inspect,
    image,
    volumes: async () => readVolumes(await request("volumes", () => docker.listVolumes())),
    exec,
    beside: async (container, how) => {
      const { image: named } = how;
      const own = named === undefined ? await self() : undefined;
      return startBeside(docker, container, {
        ...how,
        image: named ?? own?.image.id ?? "",
        own: own?.container.id ?? "",
      });
    },
    run: async (container, how) => collect(await exec(container, withInput(how)), how),
    archive: (container, path, signal) => openArchive(at(container), path, signal),
    putArchive: (container, folder, tar) =>
      request(`${folder} in container ${brief(container)}`, async () => {
        await at(container).putArchive(tar, { path: folder });
      }),
    health: async (container) =>
      readHealth(await request(`container ${brief(container)}`, () => at(container).inspect())),
    pause: (container) => changeState(at(container), "pause"),
    unpause: (container) => changeState(at(container), "unpause"),
    stop: (container) => changeState(at(container), "stop"),
    start: (container) => changeState(at(container), "start"),
    wait: async (container, signal) => awaitExitOf(at(container), signal),
    throwaways: throwawaysOn(docker),
    startSibling: async (how) => startSibling(docker, await self(), how),
    removeLeftoverSiblings: () => removeLeftovers(docker),
  };
}

async function openArchive(container: Docker.Container, path: string, signal?: AbortSignal): Promise<Readable> {
  const what = `${path} in container ${brief(container.id)}`;
  const answer = await request(
    what,
    () => container.getArchive({ path, ...(signal === undefined ? {} : { abortSignal: signal }) }),
    signal,
  );
  const tar = Readable.from(answer, { objectMode: false });
  tar.on("error", () => undefined); // whoever reads it is told
  return signal === undefined ? tar : addAbortSignal(signal, tar);
}

async function awaitExitOf(container: Docker.Container, signal?: AbortSignal): Promise<number> {
  const what = `container ${brief(container.id)}`;
  const options = signal === undefined ? {} : { abortSignal: signal };
  const answer: unknown = await request(what, () => container.wait(options), signal);
  const exit = WireExit.parse(answer);
  if (exit.Error) throw engineError(what, new Error(exit.Error.Message));
  return exit.StatusCode;
}

/** True only in a container, whatever engine made it; needs no engine. */
export async function insideContainer(mountinfoPath = "/proc/self/mountinfo"): Promise<boolean> {
  return readPlacement(await readFile(mountinfoPath, "utf8")).inside;
}

/** @throws BackupError NOT_IN_CONTAINER with the command to use instead */
export async function requireContainer(mountinfoPath = "/proc/self/mountinfo"): Promise<void> {
  if (!(await insideContainer(mountinfoPath))) throw outsideContainer();
}
