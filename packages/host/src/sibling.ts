import { Writable } from "node:stream";
import type { SiblingMount } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import type { JobContext, JobOutcome, Output } from "@erlmcp/job";
import type { Host } from "./host.ts";

/** Set in a sibling: it is a worker, whose launcher holds its input open. Its value is the width of the terminal, or 0. */
export const workerVariable = "ERLMCP_WORKER";

/** The job that a backup is taken for, when it is not one of its own; the manifest says so. */
export const takenForVariable = "ERLMCP_TAKEN_FOR";

/**
 * What a worker ends with when it was stopped and has written its receipt. 130 and 143 themselves also come from a worker
 * that a signal ended before it could do anything.
 */
const stopped = new Map([
  [130, 230],
  [143, 243],
]);

/** What a worker's process ends with for an exit status of its job. */
export function workerStatus(exitCode: number): number {
  return stopped.get(exitCode) ?? exitCode;
}

/** The exit status that a worker gave itself; undefined when it was ended from outside and wrote no receipt. */
function ownStatus(processStatus: number): number | undefined {
  if (processStatus <= 7) return processStatus;
  return [...stopped].find(([, told]) => told === processStatus)?.[0];
}

export interface SiblingWork {
  readonly service: string; // the job
  readonly mounts: readonly SiblingMount[];
  readonly env?: Readonly<Record<string, string>> | undefined; // besides our own
  /** Puts right what a worker that was killed left standing. */
  readonly afterKill: () => Promise<void>;
}

/** Runs this same command in a sibling container that has the volumes mounted, and passes its outcome on. */
export async function runInSibling(context: JobContext, host: Host, work: SiblingWork): Promise<JobOutcome> {
  const sibling = await host.engine.startSibling({
    cmd: [...context.argv],
    env: { ...work.env, [workerVariable]: context.stderr.isTTY ? String(context.stderr.columns) : "0" },
    mounts: work.mounts,
    labels: { "erlmcp.job": work.service },
    stdout: sinkOf(context.stdout),
    stderr: sinkOf(context.stderr),
    signal: context.signal,
    stopSignal: (reason) => (reason instanceof BackupError && reason.code === "INTERRUPTED" ? "SIGINT" : "SIGTERM"),
  });
  const status = await sibling.exitCode;
  const exitCode = ownStatus(status);
  if (exitCode !== undefined) return { exitCode };
  await work.afterKill();
  context.signal.throwIfAborted(); // it was our order that ended it, before it could tell
  throw endedFromOutside(status);
}

function endedFromOutside(status: number): BackupError {
  const code = status === 130 ? "INTERRUPTED" : status === 143 ? "TERMINATED" : "FAILED";
  const what = code === "FAILED" ? "killed" : "stopped before it had begun";
  return new BackupError(code, `the worker was ${what} (exit status ${status})`, {
    hint: status === 137 ? "It may have had too little memory; see docker events." : "See the log above; run it again.",
  });
}

/** A worker lives no longer than its launcher, who holds its input open. */
export function stopWithLauncher(context: JobContext): void {
  process.stdin.on("end", () => context.terminate("its launcher is gone"));
  process.stdin.on("error", () => context.terminate("its launcher is gone"));
  process.stdin.resume();
  process.stdin.unref();
}

function sinkOf(output: Output): Writable {
  return new Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      output.write(chunk);
      done();
    },
  });
}
