import { Writable } from "node:stream";
import { undoQuiesce } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import type { JobContext, JobOutcome, Output, Settings } from "@erlmcp/job";
import type { Host } from "./host.ts";
import { missingMounts, type Plan } from "./plan.ts";
import { createQuiesceRecord } from "./quiesce-record.ts";

/** Set in a sibling: it is a worker, whose launcher holds its input open. Its value is the width of the terminal, or 0. */
export const workerVariable = "ERLMCP_WORKER";

/** Exit statuses that a worker gives itself; with anything else it was ended from outside and wrote no receipt. */
const ownStatuses = new Set([0, 1, 2, 3, 4, 5, 6, 7, 130, 143]);

/** Runs this same command in a sibling container that has the volumes mounted read-only, and passes its outcome on. */
export async function runInSibling(
  context: JobContext,
  host: Host,
  work: { plan: Plan; settings: Settings },
): Promise<JobOutcome> {
  const sibling = await host.engine.startSibling({
    cmd: [...context.argv],
    env: { [workerVariable]: context.stderr.isTTY ? String(context.stderr.columns) : "0" },
    mounts: missingMounts(work.plan).map(({ name, target }) => ({ volume: name, target, readOnly: true })),
    labels: { "erlmcp.job": "backup" },
    stdout: sinkOf(context.stdout),
    stderr: sinkOf(context.stderr),
    signal: context.signal,
    stopSignal: (reason) => (reason instanceof BackupError && reason.code === "INTERRUPTED" ? "SIGINT" : "SIGTERM"),
  });
  const exitCode = await sibling.exitCode;
  if (ownStatuses.has(exitCode)) return { exitCode };
  await resumeServices(host, work.settings.values.BACKUP_ROOT);
  throw new BackupError("FAILED", `the worker was killed (exit status ${exitCode})`, {
    hint: exitCode === 137 ? "It may have had too little memory; see docker events." : "See the log above.",
  });
}

/** What a killed worker had paused or stopped runs again, now and not only with the next run. */
async function resumeServices(host: Host, root: string): Promise<void> {
  const record = createQuiesceRecord(root);
  const intent = await record.read();
  if (intent === undefined) return;
  await undoQuiesce(host.engine, intent);
  await record.clear();
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
