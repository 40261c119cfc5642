import { runJob, type JobDefinition } from "@erlmcp/job";
import { recordFailure } from "./receipt.ts";
import { workerStatus, workerVariable } from "./sibling.ts";

export interface HostJob extends Pick<JobDefinition, "service" | "main" | "signals"> {
  /** Who writes the receipt of a run that failed: whoever met the failure first (default), or never a worker. */
  readonly receipts?: "anyone" | "launcher";
}

/** Runs a job that has an engine, a repository and maybe a worker: `main` to its exit status, with a receipt if it fails. */
export async function runHostJob({ service, main, signals, receipts = "anyone" }: HostJob): Promise<void> {
  await runJob({
    service,
    signals,
    main,
    async recordFailure(context, error, exitCode) {
      if (receipts === "launcher" && workerVariable in context.env) return undefined;
      return recordFailure(context, error, exitCode);
    },
    processStatus: ({ env }, exitCode) => (workerVariable in env ? workerStatus(exitCode) : exitCode),
  });
}
