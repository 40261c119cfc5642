import * as fc from "fast-check";
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createNameChunk } from "./chunk-id.ts";
import { createCut } from "./cutter.ts";
import { gearTable } from "./gear.ts";
import { noise } from "./test-support.ts";
import { boundaries } from "./worker-core.ts";

const sizes = { min: 64, average: 256, max: 1024 };
const cut = createCut(gearTable(undefined), sizes);

function cutAll(data: Uint8Array): number[] {
  return boundaries(cut, data, { start: 0, end: data.byteLength, final: true });
}

describe("content-defined chunks", () => {
  it("cover everything, none longer than the largest, none but the last as short as the smallest", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), fc.string(), (length, seed) => {
        const ends = cutAll(noise(length, seed));
        const lengths = ends.map((end, index) => end - (ends[index - 1] ?? 0));
        expect(ends.at(-1) ?? 0).toBe(length);
        expect(lengths.every((size) => size > 0 && size <= sizes.max)).toBe(true);
        expect(lengths.slice(0, -1).every((size) => size > sizes.min)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it.for([0, 1, 63, 64, 65, 1023, 1024, 1025])("of %i equal bytes end at the largest size", (length) => {
    const expected = length === 0 ? [] : length <= 1024 ? [length] : [1024, length];
    expect(cutAll(Buffer.alloc(length, 7))).toEqual(expected);
  });

  it("are the same however the bytes come in", () => {
    const data = noise(30_000);
    const whole = cutAll(data);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (steps) => {
        const ends: number[] = [];
        let start = 0;
        let end = 0;
        for (let step = 0; end < data.length; step += 1) {
          end = Math.min(data.length, end + (steps[step % steps.length] ?? 1));
          ends.push(...boundaries(cut, data, { start, end, final: end === data.length }));
          start = ends.at(-1) ?? 0;
        }
        expect(ends).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  it("find their old boundaries again soon after an insertion", () => {
    const data = noise(50_000);
    const changed = Buffer.concat([data.subarray(0, 20_000), Buffer.from("inserted"), data.subarray(20_000)]);
    const old = new Set(cutAll(data));
    const moved = cutAll(changed).filter((end) => end > 24_000);
    expect(moved.length).toBeGreaterThan(50);
    expect(moved.every((end) => old.has(end - 8))).toBe(true);
  });

  it("have boundaries that depend on the key", () => {
    const data = noise(20_000);
    const keyed = createCut(gearTable(Buffer.alloc(32, 1)), sizes);
    expect(boundaries(keyed, data, { start: 0, end: data.length, final: true })).not.toEqual(cutAll(data));
  });

  it("use the words of the format page", () => {
    const gear = gearTable(undefined); // first and last bytes computed by another implementation
    expect(
      Buffer.from(Int32Array.of(gear[0] ?? 0, gear[255] ?? 0).buffer)
        .swap32()
        .toString("hex"),
    ).toBe("c42973bce4119a48");
  });
});

describe("chunk IDs", () => {
  const key = Buffer.alloc(32, 3);
  it.for([0, 1, 63, 64, 65, 65_535, 65_536, 65_537, 200_000])("of %i bytes are HMAC-SHA-256 with a key", (length) => {
    const chunk = noise(length);
    const id = Buffer.alloc(40);
    createNameChunk(key)(chunk, id, 8);
    expect(id.subarray(8)).toEqual(createHmac("sha256", key).update(chunk).digest());
  });

  it('are SHA-256 without one (FIPS 180-4, "abc")', () => {
    const id = Buffer.alloc(32);
    createNameChunk(undefined)(Buffer.from("abc"), id, 0);
    expect(id.toString("hex")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});
