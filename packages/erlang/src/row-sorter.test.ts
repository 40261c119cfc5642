import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RowOrder } from "./row-order.ts";
import { RowSorter, RunPool } from "./row-sorter.ts";
import { control, frame, framesOf, gather, memorySpill, write, type Written } from "./testing.ts";

const set: RowOrder = { keypos: 1, type: "set", deletes: false };

/** Sorts frames given in pieces of `pieceBytes`, with `memoryBytes` for runs of 8 KiB. */
async function sort(frames: readonly Buffer[], order: RowOrder, { pieceBytes = 997, memoryBytes = 1 << 20 } = {}) {
  const spill = memorySpill();
  const sorter = new RowSorter(order, { pool: new RunPool({ memoryBytes, runBytes: 8192 }), spill });
  const all = Buffer.concat(frames);
  for (let at = 0; at < all.length; at += pieceBytes) {
    expect(await sorter.push(all.subarray(at, at + pieceBytes))).toBeUndefined();
  }
  const sorted = framesOf(await gather(sorter.rows()));
  await sorter.release();
  return { sorted, sorter, spill };
}

const row = (...terms: Written[]): Buffer => frame({ tuple: terms });
const hex = (frames: readonly Buffer[]): string[] => frames.map((bytes) => bytes.toString("hex"));

const key: fc.Arbitrary<Written> = fc.oneof(
  fc.integer({ min: -400, max: 400 }),
  fc.bigInt({ min: -(1n << 80n), max: 1n << 80n }),
  fc.string({ maxLength: 30 }),
  fc.string({ maxLength: 3 }).map((text) => `a long common beginning of every such key ${text}`),
  fc.constantFrom("x", "y", "z").map((atom) => ({ atom })),
  fc.tuple(fc.integer({ min: 0, max: 3 }), fc.bigInt({ min: 0n, max: 1n << 40n })).map(([a, b]) => ({ tuple: [a, b] })),
  fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 4 }),
);

describe("sorting rows", () => {
  it("orders large integers by value, so that appended ones stay together", async () => {
    const values = [1n << 40n, 5n, (1n << 40n) + 1n, (1n << 40n) - 1n, 1n << 41n, 300n];
    const { sorted } = await sort(
      values.map((value) => row(value, "text")),
      set,
    );
    const expected = [5n, 300n, (1n << 40n) - 1n, 1n << 40n, (1n << 40n) + 1n, 1n << 41n];
    expect(hex(sorted)).toEqual(hex(expected.map((value) => row(value, "text"))));
  });

  it("keeps the rows of a bag's key in the order they came", async () => {
    const frames = [row("b", 3), row("a", 9), row("b", 1), row("a", 2), row("b", 2)];
    const { sorted } = await sort(frames, { ...set, type: "bag" });
    expect(hex(sorted)).toEqual(hex([row("a", 9), row("a", 2), row("b", 3), row("b", 1), row("b", 2)]));
  });

  it("takes back what a delete names, and only what came before it", async () => {
    const t = { atom: "t" };
    const frames = [row(t, 1, "old"), row(t, 2, "kept"), row(t, 1), row(t, 1, "new"), row(t, 3, "gone"), row(t, 3)];
    const { sorted, sorter } = await sort(frames, { keypos: 2, type: "set", deletes: true });
    expect(hex(sorted)).toEqual(hex([row(t, 1, "new"), row(t, 2, "kept")]));
    expect(sorter.stats.rows).toBe(2);
  });

  it("takes back all rows of a bag's key, and keeps those that come again", async () => {
    const t = { atom: "t" };
    const frames = [row(t, 1, "a"), row(t, 1, "b"), row(t, 2, "c"), row(t, 1), row(t, 1, "b")];
    const { sorted } = await sort(frames, { keypos: 2, type: "bag", deletes: true });
    expect(hex(sorted)).toEqual(hex([row(t, 1, "b"), row(t, 2, "c")]));
  });

  it("knows 1 and 1.0 as one key of an ordered_set, and as two of a set", async () => {
    const frames = [row(1, "first"), row({ float: 1 }, "last")];
    expect((await sort(frames, { ...set, type: "ordered_set" })).sorted).toHaveLength(1);
    expect((await sort(frames, set)).sorted).toHaveLength(2);
  });

  it("counts rows with dead terms once, also when a row is replaced", async () => {
    const frames = [row(1, { pid: 1 }), row(2, { pid: 1 }, { pid: 2 }), row(1, "alive"), row(3, "alive")];
    const { sorter } = await sort(frames, set);
    expect(sorter.stats.dead).toEqual({ pid: 1, port: 0, reference: 0, function: 0 });
  });

  it("holds a row that is larger than a run", async () => {
    const frames = [row("b", "x".repeat(50_000)), row("a", "y"), row("c", "z".repeat(20_000))];
    const { sorted } = await sort(frames, set);
    expect(hex(sorted)).toEqual(hex([row("a", "y"), row("b", "x".repeat(50_000)), row("c", "z".repeat(20_000))]));
  });

  it("stops at a control frame, wherever the pieces are cut", async () => {
    const stream = Buffer.concat([row(2, "b"), row(1, "a"), control({ atom: "end" }), Buffer.from("rest")]);
    for (let cut = 1; cut < stream.length; cut += 1) {
      const sorter = new RowSorter(set, {
        pool: new RunPool({ memoryBytes: 8192, runBytes: 8192 }),
        spill: memorySpill(),
      });
      const first = await sorter.push(stream.subarray(0, cut));
      const rest =
        first === undefined ? await sorter.push(stream.subarray(cut)) : Buffer.concat([first, stream.subarray(cut)]);
      expect(rest).toEqual(Buffer.concat([control({ atom: "end" }), Buffer.from("rest")]));
      expect(sorter.arrived).toBe(2);
      expect(hex(framesOf(await gather(sorter.rows())))).toEqual(hex([row(1, "a"), row(2, "b")]));
    }
  });

  it("is the same whatever the order of arrival, the pieces and the memory", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 300, selector: (term) => write(term).toString("hex") }),
        fc.integer({ min: 1, max: 5000 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        async (keys, pieceBytes, random) => {
          const frames = keys.map((term, index) =>
            row(term, index, "some text to fill up the row with until it is long enough"),
          );
          const shuffled = frames.map((bytes) => ({ bytes, at: random.next().value })).toSorted((a, b) => a.at - b.at);
          const here = await sort(frames, set);
          const there = await sort(
            shuffled.map(({ bytes }) => bytes),
            set,
            { pieceBytes, memoryBytes: 16_384 },
          );
          expect(hex(there.sorted)).toEqual(hex(here.sorted));
          expect(hex(there.sorted).toSorted()).toEqual(hex(frames).toSorted());
          expect(there.spill.open).toBe(0);
          expect(here.sorter.crc).toBe(crc32(Buffer.concat(frames)));
          expect(here.sorter.arrived).toBe(frames.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("folds as a plain map would, in memory and spilled alike", async () => {
    const t = { atom: "t" };
    const step = fc.record({ key: fc.integer({ min: 0, max: 40 }), value: fc.option(fc.string({ maxLength: 40 })) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 800 }), fc.constantFrom("set", "bag"), async (steps, type) => {
        const model = new Map<number, string[]>();
        const frames = steps.map(({ key: k, value }) => {
          if (value === null) model.delete(k);
          else model.set(k, type === "set" ? [value] : [...(model.get(k) ?? []), value]);
          return value === null ? row(t, k) : row(t, k, value);
        });
        const expected = [...model]
          .toSorted(([a], [b]) => a - b)
          .flatMap(([k, values]) => values.map((value) => row(t, k, value)));
        for (const memoryBytes of [8192, 1 << 20]) {
          const { sorted } = await sort(frames, { keypos: 2, type, deletes: true }, { memoryBytes });
          expect(hex(sorted)).toEqual(hex(expected));
        }
      }),
      { numRuns: 60 },
    );
  });

  it.for([
    { name: "no tuple", bytes: write("text") },
    { name: "an unknown tag", bytes: Buffer.from([104, 1, 200]) },
    { name: "a binary that is longer than the row", bytes: Buffer.from([104, 1, 109, 255, 255, 255, 255]) },
    { name: "a tuple without the key", bytes: Buffer.from([104, 0]) },
    { name: "bytes after the tuple", bytes: Buffer.from([104, 1, 97, 1, 97, 1]) },
    { name: "a list of more elements than memory", bytes: Buffer.from([104, 1, 108, 255, 255, 255, 255, 106]) },
  ])("refuses $name", async ({ bytes }) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(bytes.length + 1);
    const sorter = new RowSorter(set, {
      pool: new RunPool({ memoryBytes: 8192, runBytes: 8192 }),
      spill: memorySpill(),
    });
    await expect(sorter.push(Buffer.concat([head, Buffer.from([131]), bytes]))).rejects.toThrow("no well-formed tuple");
  });
});
