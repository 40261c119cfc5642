import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Exec } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";

export interface FedResult {
  exitCode: number;
  stdout: Buffer;
  stderr: string;
}

/** Of what a program prints: a list of contents, or a few statements; bytes. */
const outputLimitBytes = 64 * 1024 * 1024;

/**
 * Gives a program its input, no faster than it takes it, and collects what it prints. A program that has ended is given
 * no more. When the input fails, the program is ended and the input's error is thrown.
 */
export async function feed(exec: Exec, input: AsyncIterable<Uint8Array>): Promise<FedResult> {
  let ended = false;
  const output = collect(exec).finally(() => {
    ended = true;
  });
  const over = output.then(
    () => undefined,
    () => undefined, // whoever awaits the output is told
  );
  exec.stdin.on("error", () => undefined); // of a program that takes no more; how it ended is what counts
  try {
    for await (const piece of input) {
      if (ended) break;
      if (!exec.stdin.write(piece)) await Promise.race([once(exec.stdin, "drain").catch(() => over), over]);
    }
    if (!ended) exec.stdin.end();
  } catch (error) {
    exec.stdin.destroy();
    await over;
    throw error;
  }
  return output;
}

/** The output of a program that has no input from us. */
export async function collect(exec: Exec): Promise<FedResult> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of exec.stdout) {
    bytes += piece.length;
    if (bytes > outputLimitBytes)
      throw new BackupError("FAILED", `a program wrote more than ${outputLimitBytes} bytes`);
    pieces.push(piece);
  }
  return { exitCode: await exec.exitCode, stdout: Buffer.concat(pieces), stderr: exec.stderr() };
}
