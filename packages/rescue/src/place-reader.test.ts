import { createFaultyStore, createMemoryStore, readObject } from "@erlmcp/store";
import { expect, it } from "vitest";
import { placeReader, readReader } from "./index.ts";

it("puts the reader where there is none, and leaves it alone where it is", async () => {
  const store = createMemoryStore();
  expect(await placeReader(store, await readReader())).toBe("placed");
  expect((await readObject(store, "rescue.mjs", 1e6)).toString()).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(await placeReader(store, await readReader())).toBe("was there");
});

it.for(["older", "x".repeat(5_000_000)])("replaces what is not the same", async (before) => {
  const store = createMemoryStore();
  await store.put("rescue.mjs", Buffer.from(before));
  expect(await placeReader(store, Buffer.from("newer"))).toBe("placed");
  expect((await readObject(store, "rescue.mjs", 1e6)).toString()).toBe("newer");
});

it("fails as the store does", async () => {
  const store = createFaultyStore(createMemoryStore(), { put: [{ before: new Error("no room") }] });
  await expect(placeReader(store, Buffer.from("newer"))).rejects.toThrow("no room");
  expect(store.unmet()).toEqual([]);
});
