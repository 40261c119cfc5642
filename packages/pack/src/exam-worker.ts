import { parentPort } from "node:worker_threads";
import { runExam, type ExamReply, type ExamTask } from "./examiner.ts";

const port = parentPort;
if (port === null) throw new Error("exam-worker.ts runs as a worker thread only");

port.on("message", ({ id, task }: { id: number; task: ExamTask }) => {
  runExam(restored(task)).then(
    (outcome) => reply({ id, outcome }),
    (error: unknown) => reply({ id, failure: error instanceof Error ? error.message : String(error) }),
  );
});

function reply(message: ExamReply): void {
  port?.postMessage(message, []);
}

/** Buffers become plain byte arrays on their way between threads. */
function restored(task: ExamTask): ExamTask {
  if (task.op !== "pack" || task.pack.key === undefined) return task;
  const { secret, cipher } = task.pack.key;
  const { dataKey, generationKey } = secret;
  const key = { cipher, secret: { dataKey: Buffer.from(dataKey), generationKey: Buffer.from(generationKey) } };
  return { ...task, pack: { ...task.pack, key } };
}
