import { Readable } from "node:stream";
import type { Engine, Exec } from "@erlmcp/docker";
import type { ExecEngine } from "@erlmcp/erlang";

/** The engine, as the Erlang package wants it: the process reads our end of its input, and stops when that closes. */
export function execEngineOn(engine: Engine): ExecEngine {
  return {
    async exec(container, options) {
      const exec = await engine.exec(container, { ...options, stdin: "open" });
      return {
        stdin: exec.stdin,
        stdout: Readable.from(exec.stdout, { objectMode: false }),
        stderr: Readable.from(errorsOf(exec), { objectMode: false }),
        exitCode: exec.exitCode,
      };
    },
  };
}

/** What the process wrote there, once it has ended; the engine keeps the last of it. */
async function* errorsOf(exec: Exec): AsyncGenerator<Buffer> {
  await Promise.allSettled([exec.exitCode]); // its outcome is the business of whoever awaits it
  yield Buffer.from(exec.stderr());
}
