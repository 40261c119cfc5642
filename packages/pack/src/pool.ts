import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { BackupError } from "@erlmcp/errors";
import type { Random } from "@erlmcp/crypto";
import type { CutBoundary, Outcome, Reply, SystemFailure, Task, WorkerSettings } from "./messages.ts";
import { failureOf } from "./read-file.ts";
import { createWorkerCore } from "./worker-core.ts";

/** Runs tasks on threads. `outcome` rejects with an Error that has the system's `code`. */
export interface Pool {
  run(task: Task): { boundary: Promise<CutBoundary>; outcome: Promise<Outcome> };
  /** The same task once on each thread. */
  runOnAll(task: Task): Promise<Outcome[]>;
  close(): Promise<void>;
  threads: number;
}

export interface PoolOptions {
  settings: WorkerSettings;
  /** 0 runs everything on the calling thread, with `random` in place of the system's. */
  threads: number;
  /** The worker's module; a bundle gives its own. */
  worker?: URL | undefined;
  random?: Random | undefined;
}

/** So many tasks lie at a worker at a time: one that it does, and one that it can begin at once. */
const depth = 2;

/** What they work on lies outside their heaps; a worker that outgrows these ends the run with an error. */
const heapLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 96 };

interface Job {
  task: Task;
  boundary: PromiseWithResolvers<CutBoundary>;
  outcome: PromiseWithResolvers<Outcome>;
}

interface Thread {
  worker: Worker;
  jobs: Map<number, Job>;
}

function newJob(task: Task): Job {
  const job = { task, boundary: Promise.withResolvers<CutBoundary>(), outcome: Promise.withResolvers<Outcome>() };
  job.boundary.promise.catch(() => undefined); // the outcome tells the same failure
  return job;
}

function settle(job: Job, reply: Reply): void {
  if (reply.type === "boundary") job.boundary.resolve(reply.boundary);
  else if (reply.type === "done") job.outcome.resolve(reply.outcome);
  else fail(job, systemError(reply.failure));
}

function fail(job: Job, error: unknown): void {
  job.boundary.reject(error);
  job.outcome.reject(error);
}

/** An error as the file system throws it: with its code. */
export function systemError({ code, message }: SystemFailure): Error {
  return Object.assign(new Error(message), { code });
}

export function createPool(options: PoolOptions): Pool {
  return options.threads === 0 ? createInlinePool(options) : createThreadPool(options);
}

function createInlinePool({ settings, random }: PoolOptions): Pool {
  const core = createWorkerCore(settings, random ?? randomBytes);
  const run = (task: Task) => {
    const job = newJob(task);
    setImmediate(() => {
      try {
        job.outcome.resolve(core(task, job.boundary.resolve));
      } catch (error) {
        settle(job, { id: 0, type: "failed", failure: failureOf(error) });
      }
    });
    return { boundary: job.boundary.promise, outcome: job.outcome.promise };
  };
  return { run, runOnAll: async (task) => [await run(task).outcome], close: async () => undefined, threads: 1 };
}

function createThreadPool({ settings, threads, worker = new URL("./worker.ts", import.meta.url) }: PoolOptions): Pool {
  const waiting: Job[] = [];
  let broken: Error | undefined;
  let lastId = 0;
  const crew: Thread[] = Array.from({ length: threads }, () => hire());

  function hire(): Thread {
    // Descriptors of large files are opened by one thread, read by all and closed by the main one.
    const thread: Thread = {
      worker: new Worker(worker, { workerData: settings, trackUnmanagedFds: false, resourceLimits: heapLimits }),
      jobs: new Map(),
    };
    thread.worker.on("message", (reply: Reply) => {
      const job = thread.jobs.get(reply.id);
      if (job === undefined) return;
      settle(job, reply);
      if (reply.type === "boundary") return;
      thread.jobs.delete(reply.id);
      dispatch();
    });
    thread.worker.on("error", (cause) => stop(new BackupError("FAILED", "a worker thread failed", { cause })));
    thread.worker.on("exit", () => stop(new BackupError("FAILED", "a worker thread ended early")));
    return thread;
  }

  function give(thread: Thread, job: Job): void {
    lastId += 1;
    thread.jobs.set(lastId, job);
    thread.worker.postMessage({ id: lastId, task: job.task }, job.task.op === "files" ? [job.task.paths.buffer] : []);
  }

  function dispatch(): void {
    while (waiting.length > 0) {
      const thread = crew.reduce((least, next) => (next.jobs.size < least.jobs.size ? next : least));
      const job = thread.jobs.size < depth ? waiting.shift() : undefined;
      if (job === undefined) return;
      give(thread, job);
    }
  }

  function stop(error: Error): void {
    broken ??= error;
    const jobs = [...waiting.splice(0), ...crew.flatMap((thread) => [...thread.jobs.values()])];
    for (const thread of crew) thread.jobs.clear();
    for (const job of jobs) fail(job, broken);
  }

  return {
    threads,
    run(task) {
      const job = newJob(task);
      if (broken === undefined) {
        waiting.push(job);
        dispatch();
      } else fail(job, broken);
      return { boundary: job.boundary.promise, outcome: job.outcome.promise };
    },
    async runOnAll(task) {
      const jobs = crew.map((thread) => {
        const job = newJob(task);
        if (broken === undefined) give(thread, job);
        else fail(job, broken);
        return job.outcome.promise;
      });
      return Promise.all(jobs);
    },
    async close() {
      stop(new BackupError("FAILED", "the worker threads were closed"));
      await Promise.all(crew.map(async ({ worker: thread }) => thread.terminate()));
    },
  };
}
