import { once } from "node:events";
import { text } from "node:stream/consumers";
import { IncomingMessage } from "node:http";
import { Duplex, type Writable } from "node:stream";
import type Docker from "dockerode";
import { z } from "zod";
import { BackupError } from "@erlmcp/errors";
import { demux } from "./demux.ts";
import { answerStatus, brief, engineError, request } from "./failure.ts";
import { copiedSecrets } from "./secrets.ts";
import { furtherNetworks, siblingLabel, siblingSpec, Template, type SiblingSpec } from "./sibling-spec.ts";
import type { Self } from "./types.ts";
import { WireExit } from "./wire.ts";

export interface SiblingOptions extends SiblingSpec {
  stdout: Writable; // not ended
  stderr: Writable;
  /** Aborted: the sibling gets the signal that `stopSignal` names, and its exit code counts as always. */
  signal?: AbortSignal | undefined;
  stopSignal?: ((reason: unknown) => "SIGINT" | "SIGTERM") | undefined; // SIGTERM by default
  deadlineMs?: number | undefined; // after which it is stopped and `exitCode` rejects
  graceMs?: number | undefined; // from the order to stop to KILL; 60,000 by default
}

export interface Sibling {
  id: string;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Rejects when the connection was lost or the deadline passed. The container is gone by itself afterwards. */
  exitCode: Promise<number>;
}

const defaultGraceMs = 60_000;
const leftoverGraceSeconds = 60;

/**
 * Starts a container like our own. Its input stays open as long as this process lives: that it ends is how the
 * sibling learns that its launcher is dead, and has to stop.
 */
export async function startSibling(docker: Docker, self: Self, options: SiblingOptions): Promise<Sibling> {
  const own = docker.getContainer(self.container.id);
  const template = Template.parse(await request("our own container", () => own.inspect(), options.signal));
  const spec = siblingSpec(template, self.container, options);
  const container = await request("the sibling", () => docker.createContainer(spec), options.signal);
  try {
    for (const network of furtherNetworks(template)) {
      await request(`network ${network}`, () => docker.getNetwork(network).connect({ Container: container.id }));
    }
    const secrets = await copiedSecrets(self.container.mounts);
    if (secrets !== undefined) await request("secrets", () => container.putArchive(secrets, { path: "/" }));
    const attach = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true };
    const socket = z.instanceof(Duplex).parse(await request("the sibling", () => container.attach(attach)));
    const ended = await askForEnd(docker, container.id); // before it starts: afterwards it may be gone already
    await request("the sibling", () => container.start());
    return follow(container, { socket, ended }, options);
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
}

/** The engine answers at once, and tells the exit code when there is one. */
export async function askForEnd(docker: Docker, id: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const options = { _query: { condition: "next-exit" }, _body: {} };
  const dial = { path: `/containers/${id}/wait?`, method: "POST", isStream: true, statusCodes: { 200: true }, options };
  docker.modem.dial(dial, (error, answer) => (error === null ? resolve(answer) : reject(error)));
  return request("the sibling", async () => z.instanceof(IncomingMessage).parse(await promise));
}

function follow(
  container: Docker.Container,
  streams: { socket: Duplex; ended: IncomingMessage },
  options: SiblingOptions,
): Sibling {
  const graceMs = options.graceMs ?? defaultGraceMs;
  const timers: NodeJS.Timeout[] = [];
  const kill = (signal: NodeJS.Signals): Promise<void> => killIfThere(container, signal);
  const late = Promise.withResolvers<never>();
  const stop = (signal: NodeJS.Signals): void => {
    kill(signal).catch(late.reject);
    timers.push(setTimeout(() => void kill("SIGKILL").catch(late.reject), graceMs));
  };
  const abort = (): void => stop(options.stopSignal?.(options.signal?.reason) ?? "SIGTERM");
  let timedOut = false;
  if (options.deadlineMs !== undefined) {
    const expire = (): void => {
      timedOut = true;
      stop("SIGTERM");
    };
    timers.push(setTimeout(expire, options.deadlineMs));
  }
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted === true) abort();
  const finish = async (): Promise<number> => {
    try {
      const [exitCode] = await Promise.race([
        Promise.all([readExit(streams.ended), forward(streams.socket, options)]),
        late.promise,
      ]);
      if (timedOut) throw new BackupError("FAILED", `the sibling did not finish within ${options.deadlineMs} ms`);
      return exitCode;
    } catch (error) {
      throw engineError("the sibling", error);
    } finally {
      for (const timer of timers) clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
      streams.socket.destroy(); // ends its input, should it still run
      streams.ended.destroy();
    }
  };
  const exitCode = finish();
  exitCode.catch(() => undefined); // whoever awaits it is told
  return { id: container.id, kill, exitCode };
}

export async function readExit(ended: IncomingMessage): Promise<number> {
  const exit = WireExit.parse(JSON.parse(await text(ended)));
  if (exit.Error) throw new Error(exit.Error.Message);
  return exit.StatusCode;
}

async function forward(socket: Duplex, to: { stdout: Writable; stderr: Writable }): Promise<void> {
  for await (const { output, bytes } of demux(socket)) {
    if (!to[output].write(bytes)) await once(to[output], "drain");
  }
}

async function killIfThere(container: Docker.Container, signal: NodeJS.Signals): Promise<void> {
  try {
    await container.kill({ signal });
  } catch (error) {
    const status = answerStatus(error);
    if (status !== 404 && status !== 409) throw engineError("the sibling", error); // gone, or not running
  }
}

export async function removeContainer(container: Docker.Container): Promise<void> {
  try {
    await container.remove({ force: true, v: true });
  } catch (error) {
    const status = answerStatus(error);
    if (status !== 404 && status !== 409) throw engineError(`container ${brief(container.id)}`, error); // gone, or going
  }
}

const Listed = z.array(z.object({ Id: z.string(), State: z.string(), Labels: z.record(z.string(), z.string()) }));

/** Siblings whose launcher no longer runs: they are stopped, as gently as they take it, and removed. @returns their IDs */
export async function removeLeftovers(docker: Docker): Promise<string[]> {
  const siblings = Listed.parse(
    await request("containers", () => docker.listContainers({ all: true, filters: { label: [siblingLabel] } })),
  );
  const running = Listed.parse(await request("containers", () => docker.listContainers()));
  const alive = new Set(running.map(({ Id }) => Id));
  const removed: string[] = [];
  for (const { Id, State, Labels } of siblings) {
    if (alive.has(Labels[siblingLabel] ?? "")) continue;
    const container = docker.getContainer(Id);
    if (State === "running") await stopIfThere(container);
    await removeContainer(container);
    removed.push(Id);
  }
  return removed;
}

async function stopIfThere(container: Docker.Container): Promise<void> {
  try {
    await container.stop({ t: leftoverGraceSeconds });
  } catch (error) {
    const status = answerStatus(error);
    if (status !== 404 && status !== 304) throw engineError(`container ${brief(container.id)}`, error); // gone, or stopped
  }
}
