import { hostname } from "node:os";
import { BackupError, statusOf } from "@erlmcp/errors";
import { createLog, type Log } from "./log.ts";
import { createOutput, readableOn, type Output } from "./output.ts";
import { redact } from "./redact.ts";
import type { Signals } from "./signals.ts";

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

export interface JobDefinition {
  readonly service: string;
  readonly signals: Signals;
  readonly main: (context: JobContext) => Promise<JobOutcome>;
  /** Writes the receipt of a run that ended with an error. @returns the receipt; undefined where there is no place for one */
  readonly recordFailure: (context: JobContext, error: unknown, exitCode: number) => Promise<Uint8Array | undefined>;
  /** What the process ends with for an exit status of the job; that itself when undefined. */
  readonly processStatus?: ((context: JobContext, exitCode: number) => number) | undefined;
}

/**
 * Runs a job to its exit status: prints the one line that says what failed, why and what to do next, has the receipt
 * written, and prints that with --json.
 */
export async function runJob(definition: JobDefinition): Promise<void> {
  const { context, verbose } = createContext(definition);
  let exitCode: number;
  try {
    exitCode = (await definition.main(context)).exitCode;
  } catch (thrown) {
    const error = decisiveError(thrown, context.signal);
    exitCode = statusOf(error);
    printError(context, error, verbose);
    const document = await record(definition, context, { error, exitCode, verbose });
    // What a worker has printed already is the document.
    if (context.argv.includes("--json") && context.stdout.bytes === 0) context.stdout.write(document);
  }
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  const status = definition.processStatus?.(context, exitCode) ?? exitCode;
  process.exit(status); // a connection that something left open must not keep a finished job from ending
}

/**
 * Once a job was told to stop, that is why it ends, whatever fails on the way out. What failed is told with it, and its
 * hint goes before ours: it knows what is left to do.
 */
export function decisiveError(thrown: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted) return thrown;
  const reason: unknown = signal.reason;
  if (!(reason instanceof BackupError)) return thrown;
  if (thrown instanceof BackupError && thrown.code === reason.code) return thrown; // the same, with more to tell
  if (thrown instanceof Error && thrown.name === "AbortError") return reason;
  const hint = (thrown instanceof BackupError ? thrown.hint : undefined) ?? reason.hint;
  return new BackupError(reason.code, reason.message, { ...(hint !== undefined && { hint }), cause: thrown });
}

/** @returns the document for --json: the receipt, or what failed where there is no receipt */
async function record(
  definition: JobDefinition,
  context: JobContext,
  { error, exitCode, verbose }: { error: unknown; exitCode: number; verbose: boolean },
): Promise<string | Uint8Array> {
  let receipt: Uint8Array | undefined;
  try {
    receipt = await definition.recordFailure(context, error, exitCode);
  } catch (failure) {
    printError(context, failure, verbose);
  }
  if (receipt !== undefined) return receipt;
  const { message, code, hint } = describe(error);
  const document = { exit_code: exitCode, error: { code, message, hint: hint ?? null }, receipt: null };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Resolves when all that was written has been handed to the system; a pipe that nobody reads any more takes nothing. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}

function createContext({ service, signals }: JobDefinition): { context: JobContext; verbose: boolean } {
  const argv = process.argv.slice(2);
  const verbose = argv.includes("--verbose");
  const stdout = readableOn(createOutput(process.stdout));
  const stderr = createOutput(process.stderr);
  const level = argv.includes("--quiet") ? "error" : verbose ? "debug" : "info";
  const log = createLog(stderr, { service, level });
  const startedAt = new Date();
  const context: JobContext = {
    argv,
    env: process.env,
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    signal: signals.signal,
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
    terminate: (reason) => signals.terminate(reason),
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
