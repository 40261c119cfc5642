import { expect, it } from "vitest";
import { forEachOf, inParts } from "./parts.ts";

async function* piecesOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}

it.for([
  { pieces: [], parts: [""] },
  { pieces: [""], parts: [""] },
  { pieces: ["ab"], parts: ["ab"] },
  { pieces: ["abc"], parts: ["abc"] },
  { pieces: ["abcd"], parts: ["abc", "d"] },
  { pieces: ["a", "bcdefg", "h"], parts: ["abc", "def", "gh"] },
  { pieces: ["abcdef"], parts: ["abc", "def"] },
])("cuts $pieces into parts of three", async ({ pieces, parts }) => {
  const cut: string[] = [];
  for await (const part of inParts(piecesOf(...pieces), 3)) cut.push(part.toString());
  expect(cut).toEqual(parts);
});

async function* numbers(count: number, taken: number[]): AsyncGenerator<number> {
  for (let i = 0; i < count; i += 1) {
    taken.push(i);
    yield await Promise.resolve(i);
  }
}

it("takes no more than it has room for", async () => {
  const taken: number[] = [];
  let running = 0;
  let most = 0;
  await forEachOf(numbers(20, taken), { limit: 3, signal: undefined }, async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  });
  expect(most).toBe(3);
  expect(taken.length).toBe(20);
});

it("stops the others when one fails, and says what failed first", async () => {
  const taken: number[] = [];
  const stopped: number[] = [];
  const action = forEachOf(numbers(100, taken), { limit: 2, signal: undefined }, async (i, signal) => {
    if (i === 3) throw new Error("the fourth");
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) stopped.push(i);
  });
  await expect(action).rejects.toThrow("the fourth");
  expect(taken.length).toBeLessThan(8);
  expect(stopped.length).toBeLessThanOrEqual(1);
});

it("ends as its signal says", async () => {
  const stop = new AbortController();
  const action = forEachOf(numbers(100, []), { limit: 2, signal: stop.signal }, (i) => {
    if (i === 5) stop.abort(new Error("enough"));
    return Promise.resolve();
  });
  await expect(action).rejects.toThrow("enough");
});
