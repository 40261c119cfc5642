import { BackupError } from "@erlmcp/errors";
import { describe, expect, it } from "vitest";
import {
  createFaultyStore,
  createMemoryStore,
  describeObjectStore,
  isFinal,
  withRetry,
  type FaultyStore,
  type ObjectStore,
  type RetryOptions,
} from "./index.ts";

const slow = new BackupError("STORE_FAILED", "503 SlowDown");
const gone = new BackupError("NOT_FOUND", "no such key");

/** Retries as set, with pauses that are noted down instead of waited for. */
function retrying(store: ObjectStore, changes: Partial<RetryOptions> = {}): { store: ObjectStore; pauses: number[] } {
  const pauses: number[] = [];
  const options: RetryOptions = {
    attempts: 4,
    baseMs: 100,
    limitMs: 250,
    random: () => 1,
    sleep: (ms) => {
      pauses.push(ms);
      return Promise.resolve();
    },
    isTransient: (error) => !isFinal(error),
    ...changes,
  };
  return { store: withRetry(store, options), pauses };
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function filled(): Promise<ObjectStore> {
  const store = createMemoryStore();
  await store.put("k", Buffer.from("0123456789"));
  return store;
}

async function faultyWith(faults: Parameters<typeof createFaultyStore>[1]): Promise<FaultyStore> {
  return createFaultyStore(await filled(), faults);
}

describeObjectStore("a retried store", () => Promise.resolve(retrying(createMemoryStore()).store), { describe, it });

it("repeats what fails in passing, after pauses that double up to their limit", async () => {
  const faulty = await faultyWith({ put: [{ before: slow }, { before: slow }, { before: slow }, "none"] });
  const { store, pauses } = retrying(faulty);
  expect(await store.put("k2", Buffer.from("x"))).toBe("stored");
  expect(pauses).toEqual([100, 200, 250]);
  expect(faulty.unmet()).toEqual([]);
});

it("spreads its pauses at random", async () => {
  const faulty = await faultyWith({ stat: [{ before: slow }, { before: slow }] });
  const { store, pauses } = retrying(faulty, { random: () => 0.25 });
  expect(await store.stat("k")).toEqual({ key: "k", bytes: 10 });
  expect(pauses).toEqual([25, 50]);
});

it("gives up after its attempts, with the last error", async () => {
  const faulty = await faultyWith({ delete: [{ before: slow }, { before: slow }, { before: slow }, { before: slow }] });
  await expect(retrying(faulty).store.delete(["k"])).rejects.toBe(slow);
  expect(faulty.unmet()).toEqual([]);
});

it.for([
  { budgetMs: 250, pauses: [100] }, // at 100 ms the next pause of 200 would end beyond it
  { budgetMs: 300, pauses: [100, 200] },
])("begins no attempt after its budget of $budgetMs ms", async ({ budgetMs, pauses: expected }) => {
  const faulty = await faultyWith({ stat: [{ before: slow }, { before: slow }, { before: slow }, "none"] });
  const passed = (): number => pauses.reduce((sum, ms) => sum + ms, 0);
  const { store, pauses } = retrying(faulty, { budget: { ms: budgetMs, now: passed } });
  await expect(store.stat("k")).rejects.toBe(slow);
  expect(pauses).toEqual(expected);
});

it("does not repeat what no repetition changes", async () => {
  const faulty = await faultyWith({ stat: [{ before: gone }] });
  const { store, pauses } = retrying(faulty);
  await expect(store.stat("k")).rejects.toBe(gone);
  expect(pauses).toEqual([]);
});

it("does not repeat what was told to stop", async () => {
  const faulty = await faultyWith({ put: [{ before: slow }] });
  const { store, pauses } = retrying(faulty);
  await expect(store.put("k", Buffer.from("x"), { signal: AbortSignal.abort() })).rejects.toBe(slow);
  expect(pauses).toEqual([]);
});

it("begins a put again from the beginning", async () => {
  const faulty = await faultyWith({ put: [{ after: slow }] });
  let opened = 0;
  const body = async function* (): AsyncGenerator<Uint8Array> {
    opened += 1;
    yield await Promise.resolve(Buffer.from("body"));
  };
  await retrying(faulty).store.put("new", body);
  expect(opened).toBe(2);
  expect(await textOf(faulty.get("new"))).toBe("body");
});

it.for([
  { range: undefined, text: "0123456789" },
  { range: { offset: 2, bytes: 7 }, text: "2345678" },
])("goes on with a broken read where it broke ($text)", async ({ range, text }) => {
  const broken = { afterBytes: 3, error: slow };
  const faulty = await faultyWith({ get: [broken, { afterBytes: 1, error: slow }, { before: slow }, "none"] });
  const { store, pauses } = retrying(faulty);
  expect(await textOf(store.get("k", range))).toBe(text);
  expect(pauses).toEqual([100, 100, 200]); // the pauses begin anew with every byte that arrives
  expect(faulty.unmet()).toEqual([]);
});

it("lists again from the beginning, and gives nothing twice", async () => {
  const faulty = await faultyWith({ list: [{ after: slow }], folders: [{ before: slow }] });
  const { store } = retrying(faulty);
  const keys: string[] = [];
  for await (const { key } of store.list("")) keys.push(key);
  expect(keys).toEqual(["k"]);
  for await (const folder of store.folders("")) keys.push(folder);
  expect(keys).toEqual(["k"]);
  expect(faulty.unmet()).toEqual([]);
});
