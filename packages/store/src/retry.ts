import { BackupError } from "@erlmcp/errors";
import type { ObjectStore, Range } from "./object-store.ts";

export interface RetryOptions {
  attempts: number; // in all, the first among them
  baseMs: number; // the longest first pause; it doubles with each attempt
  limitMs: number; // no pause is longer
  budget?: { ms: number; now: () => number }; // no attempt begins later than that after the first; a hung server uses it up
  random: () => number; // 0 up to 1
  sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  isTransient: (error: unknown) => boolean;
}

/** How what fails in passing is repeated: after pauses of random length (full jitter), so that many clients do not come in step. */
export interface Retry {
  /** @param action is told which attempt it is, from 1 on. @throws its last error */
  repeat: <T>(action: (attempt: number) => Promise<T>, signal?: AbortSignal) => Promise<T>;
  /** A stream that goes on where it broke; `open` gives what follows the first `received` bytes. Attempts begin anew with every byte. */
  resume: (open: (received: number) => AsyncIterable<Uint8Array>, signal?: AbortSignal) => AsyncGenerator<Uint8Array>;
}

/** Errors that no repetition changes. */
export function isFinal(error: unknown): boolean {
  return error instanceof BackupError && error.code !== "STORE_FAILED";
}

export function createRetry(options: RetryOptions): Retry {
  const { budget } = options;
  const now = (): number => budget?.now() ?? 0;

  async function pauseAfter(
    error: unknown,
    { attempt, began }: { attempt: number; began: number },
    signal?: AbortSignal,
  ): Promise<void> {
    if (attempt >= options.attempts || signal?.aborted === true || !options.isTransient(error)) throw error;
    const longest = Math.min(options.limitMs, options.baseMs * 2 ** (attempt - 1));
    const pauseMs = options.random() * longest;
    if (budget !== undefined && now() - began + pauseMs > budget.ms) throw error;
    try {
      await options.sleep(pauseMs, signal);
    } catch (interrupted) {
      signal?.throwIfAborted(); // what it was told, not that it stopped
      throw interrupted;
    }
  }

  return {
    async repeat(action, signal) {
      const began = now();
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await action(attempt);
        } catch (error) {
          await pauseAfter(error, { attempt, began }, signal);
        }
      }
    },
    async *resume(open, signal) {
      let received = 0;
      let began = now();
      for (let attempt = 1; ; attempt += 1) {
        try {
          for await (const piece of open(received)) {
            received += piece.length;
            attempt = 1;
            yield piece;
            began = now(); // after the yield: a slow reader uses up nothing
          }
          return;
        } catch (error) {
          await pauseAfter(error, { attempt, began }, signal);
        }
      }
    },
  };
}

/** Repeats what failed in passing, each call as a whole; for stores whose calls are one request each. */
export function withRetry(store: ObjectStore, options: RetryOptions): ObjectStore {
  const retry = createRetry(options);

  async function* rest(key: string, from: Rest): AsyncGenerator<Uint8Array> {
    const range = from.received === 0 ? from.range : await restOf(key, from);
    yield* store.get(key, range, from.signal);
  }

  async function restOf(key: string, { range, received }: Rest): Promise<Range> {
    if (range !== undefined) return { offset: range.offset + received, bytes: range.bytes - received };
    const info = await store.stat(key);
    if (info === undefined) throw new BackupError("NOT_FOUND", `${store.name} has no ${key}`);
    return { offset: received, bytes: info.bytes - received };
  }

  async function* listed<T>(open: () => AsyncIterable<T>): AsyncGenerator<T> {
    // A listing is small beside what it lists, and only a whole one is in order.
    yield* await retry.repeat(async () => {
      const items: T[] = [];
      for await (const item of open()) items.push(item);
      return items;
    });
  }

  return {
    name: store.name,
    put: (key, body, putOptions) => retry.repeat(() => store.put(key, body, putOptions), putOptions?.signal),
    get: (key, range, signal) => retry.resume((received) => rest(key, { range, received, signal }), signal),
    stat: (key) => retry.repeat(() => store.stat(key)),
    list: (prefix) => listed(() => store.list(prefix)),
    folders: (prefix) => listed(() => store.folders(prefix)),
    delete: (keys) => retry.repeat(() => store.delete(keys)),
  };
}

interface Rest {
  range: Range | undefined;
  received: number;
  signal: AbortSignal | undefined;
}
