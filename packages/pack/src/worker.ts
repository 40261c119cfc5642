import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import type { Outcome, Reply, Task, WorkerSettings } from "./messages.ts";
import { failureOf } from "./read-file.ts";
import { createWorkerCore } from "./worker-core.ts";

const port = parentPort;
if (port === null) throw new Error("worker.ts runs as a worker thread only");

const post = (reply: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer);
const settings: WorkerSettings = workerData; // our own main thread's: pool.ts
const run = createWorkerCore(settings, randomBytes);

/** What can be handed over instead of copied. */
function transferable({ op, result }: Outcome): ArrayBuffer[] {
  if (op === "cut") return [result.ends.buffer, result.ids.buffer];
  if (op === "files") return [result.starts.buffer, result.ends.buffer, result.ids.buffer];
  return result.writes.map((write) => write.bytes.buffer);
}

port.on("message", ({ id, task }: { id: number; task: Task }) => {
  try {
    const outcome = run(task, (boundary) => post({ id, type: "boundary", boundary }));
    post({ id, type: "done", outcome }, transferable(outcome));
  } catch (error) {
    post({ id, type: "failed", failure: failureOf(error) });
  }
});
