import { Buffer } from "node:buffer";
import { BackupError } from "@erlmcp/errors";
import type { Exec, ExecOptions } from "./exec.ts";

export interface RunOptions extends ExecOptions {
  input?: string | Uint8Array | undefined; // given to it whole
  limitBytes?: number | undefined; // of its output; 1 MiB by default
}

export interface RunResult {
  exitCode: number;
  stdout: Buffer;
  stderr: string; // the last 64 KiB
}

const defaultLimitBytes = 1024 * 1024;

export function withInput(options: RunOptions): ExecOptions {
  return options.input === undefined ? options : { ...options, stdin: "open" };
}

/** @throws BackupError FAILED when it writes more than the limit; it is ended then */
export async function collect(exec: Exec, options: RunOptions): Promise<RunResult> {
  const limitBytes = options.limitBytes ?? defaultLimitBytes;
  const pieces: Buffer[] = [];
  let bytes = 0;
  if (options.input !== undefined) exec.stdin.end(options.input);
  for await (const piece of exec.stdout) {
    bytes += piece.length;
    if (bytes > limitBytes) {
      throw new BackupError("FAILED", `${options.cmd[0] ?? "exec"} wrote more than ${limitBytes} bytes`);
    }
    pieces.push(piece);
  }
  return { exitCode: await exec.exitCode, stdout: Buffer.concat(pieces), stderr: exec.stderr() };
}
