import { hostname } from "node:os";
import { BackupError, statusOf } from "@erlmcp/errors";
import { createLog, type Log } from "./log.ts";
import { createOutput, readableOn, type Output } from "./output.ts";
import { redact } from "./redact.ts";

/** What a job is given; nothing else in it reads the environment, the clock or the standard streams. */
export interface JobContext {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => Date;
  readonly monotonicMs: () => number;
  readonly signal: AbortSignal; // aborted with a BackupError INTERRUPTED or TERMINATED
  readonly stdout: Output;
  readonly stderr: Output;
  readonly log: Log;
  readonly facts: () => RunFacts;
  /** Aborts the job as SIGTERM would, for example when the process that started it is gone. */
  readonly terminate: (reason: string) => void;
}

/** What is known of every run, whatever became of it. */
export interface RunFacts {
  readonly service: string;
  readonly command: readonly string[];
  readonly hostname: string;
  readonly startedAt: Date;
  readonly now: Date;
  readonly stdoutSha256: string;
  readonly stderrSha256: string;
}

export interface JobOutcome {
  readonly exitCode: number;
}

interface JobDefinition {
  readonly service: string;
  readonly main: (context: JobContext) => Promise<JobOutcome>;
  /** Writes the receipt of a run that ended with an error. */
  readonly recordFailure: (context: JobContext, error: unknown, exitCode: number) => Promise<void>;
}

/**
 * Runs a job to its exit status: turns signals into an abort, prints the one line that says what failed, why and what to
 * do next, has the receipt written. A second signal of the same kind ends the process at once.
 */
export async function runJob(definition: JobDefinition): Promise<void> {
  const { context, verbose } = createContext(definition.service);
  let exitCode: number;
  try {
    exitCode = (await definition.main(context)).exitCode;
  } catch (thrown) {
    const error = context.signal.aborted && !(thrown instanceof BackupError) ? context.signal.reason : thrown;
    exitCode = statusOf(error);
    printError(context, error, verbose);
    try {
      await definition.recordFailure(context, error, exitCode);
    } catch (failure) {
      printError(context, failure, verbose);
    }
  }
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  process.exit(exitCode); // a connection that something left open must not keep a finished job from ending
}

/** Resolves when all that was written has been handed to the system; a pipe that nobody reads any more takes nothing. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}

function createContext(service: string): { context: JobContext; verbose: boolean } {
  const argv = process.argv.slice(2);
  const verbose = argv.includes("--verbose");
  const stdout = readableOn(createOutput(process.stdout));
  const stderr = createOutput(process.stderr);
  const level = argv.includes("--quiet") ? "error" : verbose ? "debug" : "info";
  const log = createLog(stderr, { service, level });
  const abort = new AbortController();
  const stop = (code: "INTERRUPTED" | "TERMINATED", reason: string) => {
    if (abort.signal.aborted) process.exit(code === "INTERRUPTED" ? 130 : 143);
    abort.abort(
      new BackupError(code, `the ${service} job was stopped: ${reason}`, {
        hint: "Nothing half-written is kept; run it again.",
      }),
    );
  };
  process.on("SIGINT", () => stop("INTERRUPTED", "SIGINT"));
  process.on("SIGTERM", () => stop("TERMINATED", "SIGTERM"));
  const startedAt = new Date();
  const context: JobContext = {
    argv,
    env: process.env,
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    signal: abort.signal,
    stdout,
    stderr,
    log,
    facts: () => ({
      service,
      command: [service, ...argv],
      hostname: hostname(),
      startedAt,
      now: new Date(),
      stdoutSha256: stdout.sha256(),
      stderrSha256: stderr.sha256(),
    }),
    terminate: (reason) => {
      if (!abort.signal.aborted) stop("TERMINATED", reason);
    },
  };
  return { context, verbose };
}

/** `backup: CODE: message. Hint` on one line; the stack and the causes only with --verbose. */
function printError(context: JobContext, error: unknown, verbose: boolean): void {
  const { message, code, hint } = describe(error);
  if (context.stderr.isTTY) {
    context.stderr.write(`error: ${message}${hint === undefined ? "" : `. ${hint}`}\n`);
  } else {
    context.log.error({ code, hint }, message);
  }
  if (verbose && error instanceof Error) context.stderr.write(`${redact(stackOf(error))}\n`);
}

function describe(error: unknown): { message: string; code: string; hint: string | undefined } {
  if (error instanceof BackupError) {
    const because = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    const text = error.message.includes(because) ? error.message : `${error.message}${because}`;
    return { message: oneLine(text), code: error.code, hint: error.hint };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { message: oneLine(text), code: "FAILED", hint: "Run it again with --verbose to see where." };
}

function oneLine(text: string): string {
  return redact(text).replaceAll(/\s*\n\s*/g, " ");
}

function stackOf(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\ncaused by: ${stackOf(error.cause)}` : stack;
}
