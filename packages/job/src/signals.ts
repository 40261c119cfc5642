import { BackupError } from "@erlmcp/errors";

/** The orders to stop that a process was given. */
export interface Signals {
  readonly signal: AbortSignal; // aborted with a BackupError INTERRUPTED or TERMINATED
  /** Stops as SIGTERM would. */
  terminate(reason: string): void;
}

/**
 * Turns SIGINT and SIGTERM into an abort; a second one ends the process at once. To be called before anything else is
 * loaded: until then the first process of a container ignores these signals, and any other one dies of them without a
 * receipt.
 *
 * @param service the job, for messages
 */
export function catchSignals(service: string): Signals {
  const abort = new AbortController();
  const stop = (code: "INTERRUPTED" | "TERMINATED", reason: string): void => {
    if (abort.signal.aborted) process.exit(code === "INTERRUPTED" ? 130 : 143);
    abort.abort(
      new BackupError(code, `the ${service} job was stopped: ${reason}`, {
        hint: "Nothing half-written is kept; run it again.",
      }),
    );
  };
  process.on("SIGINT", () => stop("INTERRUPTED", "SIGINT"));
  process.on("SIGTERM", () => stop("TERMINATED", "SIGTERM"));
  return {
    signal: abort.signal,
    terminate: (reason) => {
      if (!abort.signal.aborted) stop("TERMINATED", reason);
    },
  };
}
