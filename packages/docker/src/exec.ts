import type { Buffer } from "node:buffer";
import type { Duplex, Writable } from "node:stream";
import type Docker from "dockerode";
import { BackupError } from "@erlmcp/errors";
import { demux } from "./demux.ts";
import { awaitEnd, killExec, markVariable } from "./exec-kill.ts";
import { brief, engineError, request } from "./failure.ts";
import { guarded } from "./guard.ts";
import { Tail } from "./tail.ts";

export interface ExecOptions {
  cmd: readonly string[];
  user?: string | undefined; // name or uid[:gid] in the container; its own user otherwise
  env?: Readonly<Record<string, string>> | undefined; // the engine shows it to whoever may inspect: no secrets
  workingDir?: string | undefined;
  /**
   * `closed` (default): the process has no standard input. `open`: it reads ours, and takes its end as the order to stop.
   * `guard`: it has none, and is ended when our end closes, as it does when this process dies; needs `sh` in the container.
   */
  stdin?: "closed" | "open" | "guard" | undefined;
  signal?: AbortSignal | undefined; // aborted: the processes are ended, then everything rejects with its reason
  graceMs?: number | undefined; // between the gentle order to stop and KILL; 5000 by default
}

/** A process in a container. */
export interface Exec {
  stdin: Writable; // end() closes just this direction
  /** To be read once and to its end (an early break ends the process); read no faster than its reader does. */
  stdout: AsyncIterable<Buffer>;
  /** The last 64 KiB so far. */
  stderr(): string;
  /**
   * After the end of stdout. Rejects when the connection was lost, when the engine knows no exit code and with the
   * signal's reason. When it rejects, the process has ended, or the error says that it may not have.
   */
  exitCode: Promise<number>;
}

const stderrBytes = 64 * 1024;
const defaultGraceMs = 5000;
const exitLimitMs = 10_000; // the engine closes the stream a little before it knows the exit code

/** @throws BackupError NOT_FOUND (no such container), FAILED (it doesn't run), ENGINE_UNREACHABLE */
export async function startExec(
  docker: Docker,
  container: string,
  options: ExecOptions & { mark: string },
): Promise<Exec> {
  const { signal, user } = options;
  const what = `${options.cmd[0] ?? "exec"} in container ${brief(container)}`;
  const attached = (options.stdin ?? "closed") !== "closed";
  const target = docker.getContainer(container);
  const exec = await request(what, () => target.exec(createOptions(options, attached)), signal);
  const socket = await request(what, () => exec.start({ hijack: true, stdin: attached }), signal);
  const marked = { container: target, exec, mark: options.mark, user, what };
  const ending: Ending = {
    what,
    exitCode: () => exitCodeOf(exec, what),
    kill: (patienceMs, graceMs) => killExec(marked, patienceMs, graceMs),
  };
  return new Running(socket, ending, options).begin();
}

async function exitCodeOf(exec: Docker.Exec, what: string): Promise<number> {
  const end = await awaitEnd(exec, exitLimitMs);
  if (end?.exitCode !== undefined) return end.exitCode;
  const why = end === undefined ? "it closed its output but still runs" : "the engine knows no exit code";
  throw new BackupError("FAILED", `${what}: ${why}`);
}

function createOptions(options: ExecOptions & { mark: string }, attached: boolean): Docker.ExecCreateOptions {
  const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  return {
    Cmd: options.stdin === "guard" ? guarded(options.cmd) : [...options.cmd],
    Env: [...env, `${markVariable}=${options.mark}`],
    AttachStdin: attached,
    AttachStdout: true,
    AttachStderr: true,
    ...(options.user === undefined ? {} : { User: options.user }),
    ...(options.workingDir === undefined ? {} : { WorkingDir: options.workingDir }),
  };
}

/** How an attached process is ended, and what it ended with. */
export interface Ending {
  readonly what: string; // for messages
  /** Called once its output has ended. */
  exitCode(): Promise<number>;
  /** Returns when it has ended: by itself within `patienceMs`, or else by force. @throws BackupError when it may still run */
  kill(patienceMs: number, graceMs: number): Promise<void>;
}

/** A process whose streams are attached to us. */
export class Running {
  readonly #socket: Duplex;
  readonly #target: Ending;
  readonly #options: ExecOptions;
  readonly #stderr = new Tail(stderrBytes);
  readonly #exit = Promise.withResolvers<number>();
  #stopping: Promise<unknown> | undefined;

  constructor(socket: Duplex, target: Ending, options: ExecOptions) {
    this.#socket = socket;
    this.#target = target;
    this.#options = options;
  }

  begin(): Exec {
    const { signal } = this.#options;
    const abort = (): void => void this.#stop(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#exit.promise.then(
      () => signal?.removeEventListener("abort", abort),
      () => signal?.removeEventListener("abort", abort), // whoever awaits the exit code is told
    );
    this.#socket.on("error", () => undefined); // whoever reads it is told
    if (signal?.aborted === true) abort();
    return {
      stdin: this.#socket,
      stdout: this.#read(),
      stderr: () => this.#stderr.text(),
      exitCode: this.#exit.promise,
    };
  }

  async *#read(): AsyncGenerator<Buffer> {
    let complete = false;
    try {
      for await (const frame of demux(this.#socket)) {
        if (frame.output === "stdout") yield frame.bytes;
        else this.#stderr.add(frame.bytes);
      }
      if (this.#stopping === undefined) this.#exit.resolve(await this.#target.exitCode());
      complete = true;
    } catch (error) {
      complete = true;
      await this.#stop(engineError(this.#target.what, error));
    } finally {
      if (!complete) await this.#stop(new BackupError("FAILED", `${this.#target.what}: its output was not wanted`));
    }
    if (this.#stopping !== undefined) throw await this.#stopping;
  }

  /** Ends the process, once; gives what everybody is to be told. */
  #stop(reason: unknown): Promise<unknown> {
    this.#stopping ??= this.#end(reason);
    return this.#stopping;
  }

  async #end(reason: unknown): Promise<unknown> {
    const graceMs = this.#options.graceMs ?? defaultGraceMs;
    const patient = (this.#options.stdin ?? "closed") !== "closed";
    let told = reason;
    this.#socket.destroy(); // ends its input; and the engine waits for no reader of its output
    try {
      await this.#target.kill(patient ? graceMs : 0, graceMs);
    } catch (error) {
      told = error instanceof BackupError ? new BackupError(error.code, error.message, { cause: reason }) : error;
    }
    this.#exit.reject(told);
    return told;
  }
}
