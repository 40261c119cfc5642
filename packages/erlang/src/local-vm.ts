import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { BackupError } from "@erlmcp/errors";
import { unpack, unpackFlags, type ReadContent, type UnpackFile } from "./unpack.ts";

const stderrLimit = 16 * 1024; // characters

/**
 * Has the OTP of this image write its files from captured tables.
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
    hint: "The image of this job has OTP; use it as it was built.",
    cause,
  });
}
