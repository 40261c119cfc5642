import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, compareByteStrings, nameOf } from "./byte-string.ts";

/** The same order by its other definition: name after name. All names here are one byte a character. */
function compareLists(a: string[], b: string[]): number {
  const at = a.findIndex((each, index) => each !== b[index]);
  if (at === -1) return a.length - b.length;
  const other = b[at];
  return other === undefined || (a[at] ?? "") > other ? 1 : -1;
}

describe("names", () => {
  it("keep every byte on their way through JSON", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const back: unknown = JSON.parse(JSON.stringify(nameOf(bytes)));
        expect(back).toEqual(nameOf(bytes));
        expect(Buffer.compare(bytesOf(nameOf(bytes)), bytes)).toBe(0);
      }),
    );
  });

  it("stand as they are when they are UTF-8, and as base64 otherwise", () => {
    expect(nameOf(Buffer.from("Füße\n"))).toBe("Füße\n");
    expect(nameOf(Buffer.from([0x61, 0xff]))).toEqual({ b64: "Yf8=" });
  });
});

describe("the order of paths", () => {
  it("puts a folder just before all that is in it, and bytes before characters", () => {
    const sorted = ["", "a", "a/b", "a/b/c", "a/b-", "a-b", "a0", "b", { b64: "YoD/" }, "bz", "\u{ffee}", "\u{10000}"];
    // 0x62 0x80 0xff sorts after "bz"
    const expected = [
      "",
      "a",
      "a/b",
      "a/b/c",
      "a/b-",
      "a-b",
      "a0",
      "b",
      "bz",
      { b64: "YoD/" },
      "\u{ffee}",
      "\u{10000}",
    ];
    expect(sorted.toReversed().toSorted(compareByteStrings)).toEqual(expected);
  });

  it("is that of lists of names", () => {
    const name = fc.string({ unit: fc.constantFrom("!", "-", ".", "0", "a", "\u{7f}"), minLength: 1, maxLength: 3 });
    const names = fc.array(name, { maxLength: 4 });
    fc.assert(
      fc.property(names, names, (a, b) => {
        expect(Math.sign(compareByteStrings(a.join("/"), b.join("/")))).toBe(Math.sign(compareLists(a, b)));
      }),
    );
  });
});
