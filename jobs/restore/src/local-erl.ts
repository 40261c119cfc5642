import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { unpack, unpackFlags, type ReadContent, type UnpackFile } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";

/** Of the compiled agent: beside the job's bundle, as the image has it. */
export const agentFolder = new URL("./agent/", import.meta.url);

const stderrLimit = 16 * 1024; // characters

/**
 * Has the image's own OTP write its files from captured tables.
 *
 * @param folder where the compiled agent lies
 * @returns the rows of each file
 * @throws BackupError FAILED, CORRUPT
 */
export async function writeErlangFiles(
  folder: URL,
  { files, read, signal }: { files: readonly UnpackFile[]; read: ReadContent; signal: AbortSignal },
): Promise<number[]> {
  if (files.length === 0) return [];
  const beam = await readFile(new URL("erlmcp_unpack.beam", folder));
  const child = spawn("erl", [...unpackFlags], {
    stdio: ["pipe", "pipe", "pipe"],
    signal,
    env: { PATH: process.env["PATH"], HOME: "/tmp", ERL_CRASH_DUMP_SECONDS: "0", LANG: "C.UTF-8" },
  });
  let stderr = "";
  child.stderr.on("data", (piece: Buffer) => (stderr = (stderr + piece.toString()).slice(-stderrLimit)));
  const ended = Promise.withResolvers<number>();
  child.on("error", (cause) => ended.reject(signal.aborted ? signal.reason : cannotStart(cause)));
  child.on("close", (code) => ended.resolve(code ?? -1));
  ended.promise.catch(() => undefined); // awaited by unpack, or what it throws tells more
  const vm = { stdin: child.stdin, stdout: child.stdout, stderr: () => stderr, exitCode: ended.promise };
  return unpack(vm, beam, { files, read });
}

function cannotStart(cause: Error): BackupError {
  return new BackupError("FAILED", `erl cannot be started: ${cause.message}`, {
    hint: "The restore image has OTP; use it as it was built.",
    cause,
  });
}
