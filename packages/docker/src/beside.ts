import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { z } from "zod";
import { Running, type Ending, type Exec, type ExecOptions } from "./exec.ts";
import { brief, request } from "./failure.ts";
import { askForEnd, readExit, removeContainer } from "./sibling.ts";
import { heldByInput, siblingLabel } from "./sibling-spec.ts";

export interface BesideOptions extends Pick<ExecOptions, "cmd" | "user" | "env" | "signal" | "graceMs"> {
  stdin?: "closed" | "open" | undefined;
  image?: string | undefined; // our own when undefined
  labels?: Readonly<Record<string, string>> | undefined;
}

/**
 * Starts a process in a container of its own that shares the network and the process numbers of another one, for
 * containers that have nothing to run it with. It writes nowhere, and is gone when it ends, or when we do: the engine then
 * closes its input. (The next run removes one that does not heed that, as it does with siblings.)
 *
 * @param own the ID of the container that it belongs to
 * @throws BackupError NOT_FOUND, FAILED (the container does not run), ENGINE_UNREACHABLE
 */
export async function startBeside(
  docker: Docker,
  target: string,
  options: BesideOptions & { image: string; own: string },
): Promise<Exec> {
  const { signal } = options;
  const what = `${options.cmd[0] ?? "a process"} beside container ${brief(target)}`;
  const container = await request(what, () => docker.createContainer(specOf(target, options)), signal);
  try {
    const attach = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true };
    const socket = z.instanceof(Duplex).parse(await request(what, () => container.attach(attach), signal));
    const exit = readExit(await askForEnd(docker, container.id)); // before it starts: afterwards it may be gone already
    exit.catch(() => undefined); // whoever awaits it is told
    await request(what, () => container.start(), signal);
    if (options.stdin !== "open") socket.end();
    return new Running(socket, endingOf(container, exit, what), options).begin();
  } catch (error) {
    await removeContainer(container);
    throw error;
  }
}

function specOf(
  target: string,
  options: BesideOptions & { image: string; own: string },
): Docker.ContainerCreateOptions {
  const [command = "", ...args] = options.cmd;
  const root = (options.user ?? "0").split(":")[0] === "0";
  return {
    Image: options.image,
    Entrypoint: [command],
    Cmd: args,
    Env: Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`),
    User: options.user ?? "0",
    Labels: { ...options.labels, [siblingLabel]: options.own },
    ...heldByInput,
    HostConfig: {
      NetworkMode: `container:${target}`,
      PidMode: `container:${target}`,
      ReadonlyRootfs: true,
      // The kernel shows a process's environment and files only to one that has all capabilities of that process.
      CapDrop: root ? [] : ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      AutoRemove: true,
    },
  };
}

function endingOf(container: Docker.Container, exit: Promise<number>, what: string): Ending {
  return {
    what,
    exitCode: () => exit,
    async kill(patienceMs) {
      const over = exit.then(
        () => true,
        () => false, // the connection is lost, and nothing known of it
      );
      if (patienceMs > 0 && (await Promise.race([over, delay(patienceMs, false, { ref: false })]))) return;
      await removeContainer(container);
    },
  };
}
