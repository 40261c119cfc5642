import type { Slab } from "./messages.ts";

/** A fixed number of slabs of one size: who wants one waits until one is free, and so reading waits for writing. */
export interface SlabPool {
  acquire(): Promise<Slab>;
  release(slab: Slab): void;
  /** Everyone who waits, now or later, gets this error. */
  fail(error: unknown): void;
}

export function newSlab(bytes: number): Slab {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}

export function createSlabPool(count: number, bytes: number): SlabPool {
  const free: Slab[] = [];
  const waiting: PromiseWithResolvers<Slab>[] = [];
  let made = 0;
  let failure: { error: unknown } | undefined;

  return {
    async acquire() {
      if (failure !== undefined) throw failure.error;
      const slab = free.pop();
      if (slab !== undefined) return slab;
      if (made < count) {
        made += 1;
        return newSlab(bytes);
      }
      const wait = Promise.withResolvers<Slab>();
      waiting.push(wait);
      return wait.promise;
    },
    release(slab) {
      const wait = waiting.shift();
      if (wait === undefined) free.push(slab);
      else wait.resolve(slab);
    },
    fail(error) {
      failure ??= { error };
      for (const wait of waiting.splice(0)) wait.reject(error);
    },
  };
}
