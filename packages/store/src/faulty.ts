import type { ObjectStore } from "./object-store.ts";

export type Method = "put" | "get" | "stat" | "list" | "folders" | "delete";

/** What befalls one call: nothing, an error before or after it took effect, or (get) an error after some bytes. */
export type Fault = "none" | { before: Error } | { after: Error } | { afterBytes: number; error: Error };

export interface FaultyStore extends ObjectStore {
  /** Faults that no call has met yet: a test asserts that there are none. */
  unmet(): string[];
}

/** Lets queued faults befall the calls of a method, in turn; calls beyond the queue are left alone. */
export function createFaultyStore(store: ObjectStore, faults: Partial<Record<Method, Fault[]>>): FaultyStore {
  const queues = new Map(Object.entries(faults).map(([method, queue]) => [method, [...queue]]));
  const next = (method: Method): Fault => queues.get(method)?.shift() ?? "none";

  async function call<T>(method: Method, action: () => Promise<T>): Promise<T> {
    const fault = next(method);
    if (fault !== "none" && "before" in fault) throw fault.before;
    const result = await action();
    if (fault !== "none" && "after" in fault) throw fault.after;
    return result;
  }

  async function* stream<T>(method: Method, open: () => AsyncIterable<T>): AsyncGenerator<T> {
    const fault = next(method);
    if (fault !== "none" && "before" in fault) throw fault.before;
    yield* open();
    if (fault !== "none" && "after" in fault) throw fault.after;
  }

  async function* bytes(open: () => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const fault = queues.get("get")?.[0];
    if (fault === undefined || fault === "none" || !("afterBytes" in fault)) {
      yield* stream("get", open);
      return;
    }
    next("get");
    let left = fault.afterBytes;
    for await (const piece of open()) {
      const part = piece.subarray(0, left);
      if (part.length > 0) yield part;
      left -= part.length;
      if (left === 0) break;
    }
    throw fault.error;
  }

  return {
    name: store.name,
    put: (key, body, options) => call("put", () => store.put(key, body, options)),
    get: (key, range, signal) => bytes(() => store.get(key, range, signal)),
    stat: (key) => call("stat", () => store.stat(key)),
    list: (prefix) => stream("list", () => store.list(prefix)),
    folders: (prefix) => stream("folders", () => store.folders(prefix)),
    delete: (keys) => call("delete", () => store.delete(keys)),
    unmet: () => [...queues].flatMap(([method, queue]) => queue.map(() => method)),
  };
}
