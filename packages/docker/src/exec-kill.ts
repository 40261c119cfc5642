import type Docker from "dockerode";
import { setTimeout as delay } from "node:timers/promises";
import { BackupError } from "@erlmcp/errors";
import { engineError, messageOf } from "./failure.ts";
import { WireExec } from "./wire.ts";

/** Every process of an exec inherits this variable; by it they are found again, whatever became of their parents. */
export const markVariable = "ERLMCP_EXEC";

/**
 * Signals each process whose environment has the mark. The engine only tells process IDs of its host, which mean
 * nothing inside, so the container's own /proc is asked; as the same user, for others may not read it.
 */
const killScript = `for f in /proc/[0-9]*/environ; do
  if tr '\\000' '\\n' <"$f" 2>/dev/null | grep -qxF "$1" 2>/dev/null; then
    p=\${f#/proc/}; kill -s "$2" "\${p%/environ}" 2>/dev/null
  fi
done
exit 0`;

const firstPollMs = 10;
const lastPollMs = 500;
const killLimitMs = 5000;

/** How an exec ended; undefined when it still runs after `limitMs`. An exit code that the engine doesn't have is undefined. */
export async function awaitEnd(
  exec: Docker.Exec,
  limitMs: number,
): Promise<{ exitCode: number | undefined } | undefined> {
  let waitMs = firstPollMs;
  for (let waited = 0; ; waited += waitMs, waitMs = Math.min(waitMs * 2, lastPollMs)) {
    const state = WireExec.parse(await exec.inspect());
    if (!state.Running) return { exitCode: state.ExitCode ?? undefined };
    if (waited >= limitMs) return undefined;
    await delay(waitMs);
  }
}

/** An exec that is to end. */
export interface Marked {
  container: Docker.Container;
  exec: Docker.Exec;
  mark: string; // the value of the variable
  user: string | undefined;
  what: string; // for messages
}

/**
 * Ends an exec's processes: waits `patienceMs` for those that end by themselves, then TERM, then KILL after `graceMs`.
 *
 * @throws BackupError FAILED when something may still run
 */
export async function killExec(target: Marked, patienceMs: number, graceMs: number): Promise<void> {
  if (await hasEnded(target, patienceMs)) return;
  const failures: string[] = [];
  for (const [signal, limitMs] of [
    ["TERM", graceMs],
    ["KILL", killLimitMs],
  ] as const) {
    try {
      await signalMarked(target, signal);
    } catch (error) {
      failures.push(messageOf(error)); // said below if the process does not end all the same
    }
    if (await hasEnded(target, limitMs)) return;
  }
  const why = failures.length === 0 ? "it does not react to signals" : failures.join("; ");
  throw new BackupError("FAILED", `${target.what} could not be stopped and may still run: ${why}`, {
    hint: "Look for it with docker top, and restart the container if it stays.",
  });
}

/** True when the exec is over: it ended, or its container is gone. */
async function hasEnded(target: Marked, limitMs: number): Promise<boolean> {
  try {
    return (await awaitEnd(target.exec, limitMs)) !== undefined;
  } catch (error) {
    const named = engineError(target.what, error);
    if (named instanceof BackupError && named.code === "NOT_FOUND") return true;
    throw named;
  }
}

async function signalMarked(target: Marked, signal: "TERM" | "KILL"): Promise<void> {
  const killer = await target.container.exec({
    Cmd: ["sh", "-c", killScript, "sh", `${markVariable}=${target.mark}`, signal],
    AttachStdout: true,
    ...(target.user === undefined ? {} : { User: target.user }),
  });
  const stream = await killer.start({ hijack: true, stdin: false });
  for await (const piece of stream) void piece; // it ends when the script does
  const end = await awaitEnd(killer, killLimitMs);
  if (end?.exitCode !== 0) throw new Error("the container has no usable shell to send a signal with");
}
