import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { BackupError } from "@erlmcp/errors";
import { examineBytes, type PackExam, type PackToProve } from "./exam.ts";

/** Bytes that a thread takes over: nobody else may use them any more. */
export type OwnBytes = Uint8Array<ArrayBuffer>;

export type ExamTask = { op: "pack"; pack: PackToProve; bytes: OwnBytes } | { op: "sha256"; bytes: OwnBytes };
export type ExamOutcome = { op: "pack"; exam: PackExam } | { op: "sha256"; sha256: string };
export type ExamReply = { id: number; outcome: ExamOutcome } | { id: number; failure: string };

/** Proves packs on threads; with none, on the calling one. `close` it on every way out. */
export interface Examiner {
  /** Opens every chunk of a pack. Takes the bytes over. */
  pack(pack: PackToProve, bytes: OwnBytes): Promise<PackExam>;
  /** SHA-256, hex. Takes the bytes over. */
  sha256(bytes: OwnBytes): Promise<string>;
  readonly threads: number;
  close(): Promise<void>;
}

export interface ExaminerOptions {
  /** 0: the calling thread does it all. */
  readonly threads: number;
  /** The worker's module, in a bundle. */
  readonly worker?: URL | undefined;
}

/** One task, on whatever thread. */
export async function runExam(task: ExamTask): Promise<ExamOutcome> {
  if (task.op === "pack") return { op: "pack", exam: await examineBytes(task.pack, task.bytes) };
  return { op: "sha256", sha256: createHash("sha256").update(task.bytes).digest("hex") };
}

export function createExaminer(options: ExaminerOptions): Examiner {
  const crew = options.threads === 0 ? undefined : createCrew(options);
  const run = async (task: ExamTask) => (crew === undefined ? runExam(task) : crew.run(task));
  return {
    threads: Math.max(1, options.threads),
    async pack(pack, bytes) {
      const outcome = await run({ op: "pack", pack, bytes });
      if (outcome.op !== "pack") throw new BackupError("FAILED", "a worker answered something else");
      return outcome.exam;
    },
    async sha256(bytes) {
      const outcome = await run({ op: "sha256", bytes });
      if (outcome.op !== "sha256") throw new BackupError("FAILED", "a worker answered something else");
      return outcome.sha256;
    },
    close: async () => crew?.close(),
  };
}

interface Thread {
  readonly worker: Worker;
  readonly tasks: Map<number, PromiseWithResolvers<ExamOutcome>>;
}

function createCrew({ threads, worker = new URL("./exam-worker.ts", import.meta.url) }: ExaminerOptions) {
  let broken: BackupError | undefined;
  let lastId = 0;
  const crew = Array.from({ length: threads }, () => hire());

  function hire(): Thread {
    const thread: Thread = { worker: new Worker(worker), tasks: new Map() };
    thread.worker.on("message", (reply: ExamReply) => {
      const task = thread.tasks.get(reply.id);
      thread.tasks.delete(reply.id);
      if ("outcome" in reply) task?.resolve(reply.outcome);
      else task?.reject(new BackupError("FAILED", `a worker thread failed: ${reply.failure}`));
    });
    thread.worker.on("error", (cause) => stop(new BackupError("FAILED", "a worker thread failed", { cause })));
    thread.worker.on("exit", () => stop(new BackupError("FAILED", "a worker thread ended early")));
    return thread;
  }

  function stop(error: BackupError): void {
    broken ??= error;
    for (const { tasks } of crew) {
      for (const task of tasks.values()) task.reject(broken);
      tasks.clear();
    }
  }

  return {
    async run(task: ExamTask): Promise<ExamOutcome> {
      if (broken !== undefined) throw broken;
      const [first, ...others] = crew;
      if (first === undefined) throw new BackupError("FAILED", "there are no worker threads");
      const thread = others.reduce((least, next) => (next.tasks.size < least.tasks.size ? next : least), first);
      const settled = Promise.withResolvers<ExamOutcome>();
      lastId += 1;
      thread.tasks.set(lastId, settled);
      thread.worker.postMessage({ id: lastId, task }, [task.bytes.buffer]);
      return settled.promise;
    },
    async close(): Promise<void> {
      stop(new BackupError("FAILED", "the worker threads were closed"));
      await Promise.all(crew.map(async ({ worker: thread }) => thread.terminate()));
    },
  };
}
