import { Buffer } from "node:buffer";
import { BackupError } from "@erlmcp/errors";
import type { Exec } from "@erlmcp/docker";
import type { CaptureSink, ContentRef } from "@erlmcp/entry";
import { explain } from "./access.ts";

/** How every archive of pg_dump begins. */
const magic = Buffer.from("PGDMP");

export interface DumpChecks {
  what: string; // for messages
  archive: boolean; // of the custom format
  /** Called once, at the first byte: pg_dump has its locks by then. */
  begun?: (() => void) | undefined;
  /** Told the lines that are no errors, e.g. about circular foreign keys. */
  warn: (line: string) => void;
}

/**
 * A program's output that is complete: it ends without an error only if the program has ended with exit code 0,
 * without an error message, and what it wrote begins as it must.
 *
 * @throws BackupError SOURCE_FAILED with the program's words
 */
export async function* completeOutput(exec: Exec, checks: DumpChecks): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0);
  for await (const piece of exec.stdout) {
    if (head.length === 0) checks.begun?.();
    if (head.length < magic.length) head = Buffer.concat([head, piece.subarray(0, magic.length)]);
    yield piece;
  }
  const exitCode = await exec.exitCode;
  const stderr = exec.stderr();
  const complaint = stderr.split("\n").find((line) => /(?:^|: )(?:error|fatal|FATAL|ERROR|PANIC):/.test(line));
  if (exitCode !== 0 || complaint !== undefined) {
    throw new BackupError("SOURCE_FAILED", `${checks.what}: ${complaint ?? explain({ exitCode, stderr })}`);
  }
  const wellBegun = checks.archive ? head.subarray(0, magic.length).equals(magic) : head.length > 0;
  if (!wellBegun) throw new BackupError("SOURCE_FAILED", `${checks.what}: its output is no dump`);
  for (const line of stderr.split("\n")) if (line.trim() !== "") checks.warn(line.trim());
}

/** Stores a program's output. Rejects with what was wrong with the program, whatever the sink makes of it. */
export async function storeOutput(sink: CaptureSink, exec: Exec, checks: DumpChecks): Promise<ContentRef> {
  let failure: { error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Buffer> {
    try {
      yield* completeOutput(exec, checks);
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  try {
    return await sink.stream(watched(), "table");
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  }
}
