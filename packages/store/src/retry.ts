import { BackupError } from "@erlmcp/errors";
import type { ObjectStore, Range } from "./object-store.ts";

export interface RetryOptions {
  attempts: number; // in all, the first among them
  baseMs: number; // the longest first pause; it doubles with each attempt
  limitMs: number; // no pause is longer
  random: () => number; // 0 up to 1
  sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  isTransient: (error: unknown) => boolean;
}

/** Errors that no repetition changes. */
export function isFinal(error: unknown): boolean {
  return error instanceof BackupError && error.code !== "STORE_FAILED";
}

/** Repeats what failed in passing, after pauses of random length (full jitter) so that many clients do not come in step. */
export function withRetry(store: ObjectStore, options: RetryOptions): ObjectStore {
  async function pauseAfter(error: unknown, attempt: number, signal?: AbortSignal): Promise<void> {
    if (attempt >= options.attempts || signal?.aborted === true || !options.isTransient(error)) throw error;
    const longest = Math.min(options.limitMs, options.baseMs * 2 ** (attempt - 1));
    await options.sleep(options.random() * longest, signal);
  }

  async function repeat<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await action();
      } catch (error) {
        await pauseAfter(error, attempt, signal);
      }
    }
  }

  /** A broken read goes on where it broke; the attempts begin anew with every byte that arrives. */
  async function* get(key: string, range?: Range, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    let received = 0;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const rest = received === 0 ? range : await restOf(key, range, received);
        for await (const piece of store.get(key, rest, signal)) {
          received += piece.length;
          attempt = 1;
          yield piece;
        }
        return;
      } catch (error) {
        await pauseAfter(error, attempt, signal);
      }
    }
  }

  async function restOf(key: string, range: Range | undefined, received: number): Promise<Range> {
    if (range !== undefined) return { offset: range.offset + received, bytes: range.bytes - received };
    const info = await store.stat(key);
    if (info === undefined) throw new BackupError("NOT_FOUND", `${store.name} has no ${key}`);
    return { offset: received, bytes: info.bytes - received };
  }

  async function* listed<T>(open: () => AsyncIterable<T>): AsyncGenerator<T> {
    // A listing is small beside what it lists, and only a whole one is in order.
    yield* await repeat(async () => {
      const items: T[] = [];
      for await (const item of open()) items.push(item);
      return items;
    });
  }

  return {
    name: store.name,
    put: (key, body, putOptions) => repeat(() => store.put(key, body, putOptions), putOptions?.signal),
    get,
    stat: (key) => repeat(() => store.stat(key)),
    list: (prefix) => listed(() => store.list(prefix)),
    folders: (prefix) => listed(() => store.folders(prefix)),
    delete: (keys) => repeat(() => store.delete(keys)),
  };
}
