import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import type { ObjectStore } from "./object-store.ts";

export interface ContractCase {
  name: string;
  run: (store: ObjectStore) => Promise<void>;
}

const utf8 = (text: string): Buffer => Buffer.from(text);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await collect(bytes)).toString();
}

function failsWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof BackupError && error.code === code;
}

const broken = {
  async *body(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(utf8("half"));
    throw new Error("the source broke");
  },
};

const puts: ContractCase[] = [
  {
    name: "gives back what was put, in pieces or whole",
    async run(store) {
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(utf8("one "));
        yield utf8("two");
      };
      assert.equal(await store.put("a/pieces", pieces), "stored");
      assert.equal(await store.put("a/whole", utf8("three")), "stored");
      assert.equal(await textOf(store.get("a/pieces")), "one two");
      assert.equal(await textOf(store.get("a/whole")), "three");
      assert.deepEqual(await store.stat("a/pieces"), { key: "a/pieces", bytes: 7 });
    },
  },
  {
    name: "stores empty objects",
    async run(store) {
      await store.put("empty", utf8(""));
      assert.equal(await textOf(store.get("empty")), "");
      assert.deepEqual(await store.stat("empty"), { key: "empty", bytes: 0 });
    },
  },
  {
    name: "replaces, except with ifAbsent",
    async run(store) {
      await store.put("k", utf8("first"));
      assert.equal(await store.put("k", utf8("second")), "stored");
      assert.equal(await store.put("k", utf8("third"), { ifAbsent: true }), "exists");
      assert.equal(await textOf(store.get("k")), "second");
      assert.equal(await store.put("new", utf8("fourth"), { ifAbsent: true }), "stored");
    },
  },
  {
    name: "lets exactly one of several puts with ifAbsent win",
    async run(store) {
      const bodies = ["one", "two", "three", "four"];
      const outcomes = await Promise.all(bodies.map((body) => store.put("race", utf8(body), { ifAbsent: true })));
      assert.equal(outcomes.filter((outcome) => outcome === "stored").length, 1);
      assert.equal(await textOf(store.get("race")), bodies[outcomes.indexOf("stored")]);
    },
  },
  {
    name: "leaves nothing of a body that breaks",
    async run(store) {
      await assert.rejects(
        store.put("broken", () => broken.body()),
        /the source broke/,
      );
      assert.equal(await store.stat("broken"), undefined);
      await store.put("kept", utf8("old"));
      await assert.rejects(
        store.put("kept", () => broken.body()),
        /the source broke/,
      );
      assert.equal(await textOf(store.get("kept")), "old");
    },
  },
  {
    name: "refuses bytes with another SHA-256 or length before they are visible",
    async run(store) {
      await assert.rejects(store.put("wrong", utf8("a"), { bytes: 2 }), failsWith("CORRUPT"));
      assert.equal(await store.put("right", utf8("a"), { bytes: 1 }), "stored");
      await assert.rejects(store.put("wrong", utf8("a"), { sha256: sha256("b") }), failsWith("CORRUPT"));
      assert.equal(await store.stat("wrong"), undefined);
      assert.equal(await store.put("right", utf8("a"), { sha256: sha256("a") }), "stored");
    },
  },
  {
    name: "stops when it is told to",
    async run(store) {
      const signal = AbortSignal.abort(new Error("stop"));
      await assert.rejects(store.put("stopped", utf8("a"), { signal }), /stop/);
      assert.equal(await store.stat("stopped"), undefined);
    },
  },
];

const gets: ContractCase[] = [
  {
    name: "gives ranges exactly",
    async run(store) {
      await store.put("r", utf8("0123456789"));
      assert.equal(await textOf(store.get("r", { offset: 0, bytes: 1 })), "0");
      assert.equal(await textOf(store.get("r", { offset: 3, bytes: 4 })), "3456");
      assert.equal(await textOf(store.get("r", { offset: 9, bytes: 1 })), "9");
      assert.equal(await textOf(store.get("r", { offset: 0, bytes: 10 })), "0123456789");
      assert.equal(await textOf(store.get("r", { offset: 5, bytes: 0 })), "");
    },
  },
  {
    name: "refuses ranges that are not all there",
    async run(store) {
      await store.put("short", utf8("0123456789"));
      await assert.rejects(textOf(store.get("short", { offset: 9, bytes: 2 })), failsWith("CORRUPT"));
      await assert.rejects(textOf(store.get("short", { offset: 11, bytes: 1 })), failsWith("CORRUPT"));
    },
  },
  {
    name: "says NOT_FOUND for what is not there",
    async run(store) {
      await assert.rejects(textOf(store.get("nothing")), failsWith("NOT_FOUND"));
      await assert.rejects(textOf(store.get("no/folder/either", { offset: 0, bytes: 1 })), failsWith("NOT_FOUND"));
      assert.equal(await store.stat("nothing"), undefined);
      assert.equal(await store.stat("no/folder/either"), undefined);
    },
  },
];

const listings: ContractCase[] = [
  {
    name: "lists keys below a prefix in byte order",
    async run(store) {
      const keys = [
        "id/packs/000002.pack",
        "id/packs/000001.pack",
        "id/manifest.json",
        "id.old/x",
        "id-1/x",
        "other/x",
      ];
      for (const key of keys) await store.put(key, utf8(key));
      const listed = await collect(store.list("id"));
      const expected = ["id-1/x", "id.old/x", "id/manifest.json", "id/packs/000001.pack", "id/packs/000002.pack"];
      assert.deepEqual(
        listed,
        expected.map((key) => ({ key, bytes: key.length })),
      );
      assert.deepEqual(
        (await collect(store.list("id/packs/000001"))).map(({ key }) => key),
        ["id/packs/000001.pack"],
      );
      assert.deepEqual(await collect(store.list("absent/")), []);
    },
  },
  {
    name: "lists folders, each once, and no objects",
    async run(store) {
      for (const key of ["b/1", "b/2", "a/x/1", "file"]) await store.put(key, utf8("x"));
      assert.deepEqual(await collect(store.folders("")), ["a", "b"]);
      assert.deepEqual(await collect(store.folders("a/")), ["x"]);
      assert.deepEqual(await collect(store.folders("absent/")), []);
    },
  },
  {
    name: "deletes, and does not mind what is gone",
    async run(store) {
      await store.put("d/1", utf8("x"));
      await store.put("d/2", utf8("x"));
      await store.delete(["d/1", "d/none", "gone/entirely"]);
      assert.equal(await store.stat("d/1"), undefined);
      assert.deepEqual(await collect(store.list("d/")), [{ key: "d/2", bytes: 1 }]);
      await store.delete(["d/2"]);
      assert.deepEqual(await collect(store.folders("")), []);
    },
  },
  {
    name: "refuses keys that leave the store",
    async run(store) {
      for (const key of ["", "/etc/passwd", "../up", "a/../../up", "a//b", "a/", "a/./b", "nul\0", "line\nfeed"]) {
        await assert.rejects(store.put(key, utf8("x")), failsWith("FAILED"));
        await assert.rejects(textOf(store.get(key)), failsWith("FAILED"));
        await assert.rejects(async () => store.delete([key]), failsWith("FAILED"));
      }
    },
  },
];

/** What every store must do, one empty store a case. Fails with an AssertionError, so that any test runner can run it. */
export const objectStoreContract: readonly ContractCase[] = [...puts, ...gets, ...listings];

/** The part of a test runner that the suite needs: `{ describe, it }` of vitest or of node:test. */
export interface Runner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** Declares the contract as tests: `describeObjectStore("memory", async () => createMemoryStore(), { describe, it })`. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStore>, runner: Runner): void {
  runner.describe(`${name} as an object store`, () => {
    for (const { name: what, run } of objectStoreContract) runner.it(what, async () => run(await open()));
  });
}
