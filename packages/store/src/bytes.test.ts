import { expect, it } from "vitest";
import { createMemoryStore, rangeReaderOf, readObject, type ObjectStore } from "./index.ts";

async function storeWith(key: string, text: string): Promise<ObjectStore> {
  const store = createMemoryStore("here");
  await store.put(key, Buffer.from(text));
  return store;
}

it("reads a small object whole, up to its limit", async () => {
  const store = await storeWith("k", "12345");
  expect((await readObject(store, "k", 5)).toString()).toBe("12345");
  await expect(readObject(store, "k", 4)).rejects.toThrow("k is longer than 4 bytes");
  await expect(readObject(store, "none", 4)).rejects.toThrow("here has no none");
});

it("reads ranges of an object", async () => {
  const reader = await rangeReaderOf(await storeWith("k", "12345"), "k");
  expect(reader.size).toBe(5);
  expect((await reader.read(1, 3)).toString()).toBe("234");
  await expect(reader.read(3, 3)).rejects.toThrow("k has 5 bytes, wanted 3 from 3 on");
  await reader.close();
  await expect(rangeReaderOf(await storeWith("k", ""), "none")).rejects.toThrow("here has no none");
});
