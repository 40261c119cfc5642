import { Buffer } from "node:buffer";
import type Docker from "dockerode";
import { setTimeout as delay } from "node:timers/promises";
import { BackupError } from "@erlmcp/errors";
import { demux } from "./demux.ts";
import { engineError, messageOf } from "./failure.ts";
import { WireExec } from "./wire.ts";

/** Every process of an exec inherits this variable; by it they are found again, whatever became of their parents. */
export const markVariable = "ERLMCP_EXEC";

/**
 * Signals each process whose environment has the mark, but those that were told before, and says which there are. The
 * engine only tells process IDs of its host, which mean nothing inside, so the container's own /proc is asked; as the
 * same user, for others may not read it.
 */
const killScript = `for f in /proc/[0-9]*/environ; do
  if tr '\\000' '\\n' <"$f" 2>/dev/null | grep -qxF "$1" 2>/dev/null; then
    p=\${f#/proc/}; p=\${p%/environ}; echo "$p"
    case " $3 " in *" $p "*) ;; *) kill -s "$2" "$p" 2>/dev/null ;; esac
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
 * Also those that were started while the others were being told, and outlive the first one.
 *
 * @throws BackupError FAILED when something may still run
 */
export async function killExec(target: Marked, patienceMs: number, graceMs: number): Promise<void> {
  await hasEnded(target, patienceMs);
  const failures: string[] = [];
  for (const [signal, limitMs] of [
    ["TERM", graceMs],
    ["KILL", killLimitMs],
  ] as const) {
    try {
      if (await endMarked(target, signal, limitMs)) return;
    } catch (error) {
      failures.push(messageOf(error)); // said below if the process does not end all the same
      if (await hasEnded(target, limitMs)) return;
    }
  }
  const why = failures.length === 0 ? "it does not react to signals" : failures.join("; ");
  throw new BackupError("FAILED", `${target.what} could not be stopped and may still run: ${why}`, {
    hint: "Look for it with docker top, and restart the container if it stays.",
  });
}

/** Tells each marked process once, until none is left. @returns whether all is over within `limitMs` */
async function endMarked(target: Marked, signal: "TERM" | "KILL", limitMs: number): Promise<boolean> {
  const told = new Set<string>();
  let waitMs = firstPollMs;
  for (let waited = 0; ; waited += waitMs, waitMs = Math.min(waitMs * 2, lastPollMs)) {
    const left = await signalMarked(target, signal, told);
    for (const id of left) told.add(id);
    if (left.length === 0 && (await hasEnded(target, 0))) return true;
    if (waited >= limitMs) return false;
    await delay(waitMs);
  }
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

/** @returns the processes that had the mark when it looked, as the container numbers them */
async function signalMarked(target: Marked, signal: "TERM" | "KILL", told: ReadonlySet<string>): Promise<string[]> {
  const killer = await target.container.exec({
    Cmd: ["sh", "-c", killScript, "sh", `${markVariable}=${target.mark}`, signal, [...told].join(" ")],
    AttachStdout: true,
    ...(target.user === undefined ? {} : { User: target.user }),
  });
  const found: Buffer[] = [];
  for await (const { bytes } of demux(await killer.start({ hijack: true, stdin: false }))) found.push(bytes);
  const end = await awaitEnd(killer, killLimitMs);
  if (end?.exitCode !== 0) throw new Error("the container has no usable shell to send a signal with");
  return Buffer.concat(found).toString("latin1").split("\n").filter(Boolean);
}
