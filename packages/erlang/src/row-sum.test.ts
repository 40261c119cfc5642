import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { createRowSummer } from "./row-sum.ts";

/** A row {1, X} as an external term. */
const row = (...bytes: number[]): Buffer => Buffer.from([131, 104, 2, 97, 1, ...bytes]);
const small = (value: number): Buffer => row(97, value);
const exported = row(113, 119, 1, 97, 119, 1, 98, 97, 0); // fun a:b/0
const closure = row(112, 0, 0, 0, 8, 1, 2, 3, 4); // of 8 bytes, its size among them

function framed(...rows: readonly Buffer[]): Buffer {
  return Buffer.concat(
    rows.flatMap((bytes) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(bytes.length);
      return [head, bytes];
    }),
  );
}

function sumOf(...blocks: readonly Buffer[]) {
  const summer = createRowSummer();
  for (const block of blocks) summer.add(block);
  return summer.end();
}

const wordsOf = (bytes: Buffer): number[] => {
  const digest = createHash("md5").update(bytes).digest();
  return [0, 4, 8, 12].map((at) => digest.readUInt32BE(at));
};

it("adds up the words of each row's MD5, whatever the order and the blocks", () => {
  const [a, b] = [wordsOf(small(1)), wordsOf(small(2))];
  const expected = a.map((word, at) => (word + (b[at] ?? 0)) % 2 ** 32);
  const whole = framed(small(1), small(2));
  expect(sumOf(whole)).toMatchObject({ rows: 2, sum: expected, closures: 0, openSum: expected });
  expect(sumOf(framed(small(2), small(1))).sum).toEqual(expected);
  for (let cut = 0; cut <= whole.length; cut += 1) {
    expect(sumOf(whole.subarray(0, cut), whole.subarray(cut)).sum).toEqual(expected);
  }
  expect(sumOf()).toEqual({ rows: 0, sum: [0, 0, 0, 0], closures: 0, openSum: [0, 0, 0, 0] });
});

it("tells two equal rows from none, and from one", () => {
  expect(sumOf(framed(small(1), small(1))).sum).not.toEqual(sumOf(framed(small(1))).sum);
  expect(sumOf(framed(small(1), small(1))).sum).not.toEqual([0, 0, 0, 0]);
});

it("adds up the rows without closures apart", () => {
  const found = sumOf(framed(small(1), closure, exported));
  expect(found).toMatchObject({ rows: 3, closures: 1 });
  expect(found.openSum).toEqual(sumOf(framed(small(1), exported)).sum);
});

it.for([
  ["a frame cut short", framed(small(1)).subarray(0, 8)],
  ["bytes after the term", framed(Buffer.concat([small(1), Buffer.from([0])]))],
] as const)("refuses %s", ([, bytes]) => {
  expect(() => sumOf(bytes)).toThrow(expect.objectContaining({ code: expect.stringMatching(/CORRUPT|FAILED/) }));
});
