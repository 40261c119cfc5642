import { Buffer } from "node:buffer";
import { BackupError } from "@erlmcp/errors";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTerm, encodeTerm, type Term } from "./etf.ts";

function refusal(bytes: Buffer): string {
  try {
    decodeTerm(bytes);
    return "none";
  } catch (error) {
    return error instanceof BackupError ? error.message : `a fault: ${String(error)}`;
  }
}

describe("control terms", () => {
  // As term_to_binary/2 of OTP 27 writes them.
  it.for([
    { name: "a tuple of atoms and integers", hex: "8368037705726570 6c79610762fffffffe", term: ["reply", 7, -2] },
    { name: "a map with atom keys", hex: "837400000001770161 6d00000002c3a4", term: { a: "ä" } },
    { name: "a list of bytes", hex: "836b0003010203", term: [1, 2, 3] },
    { name: "a list of atoms", hex: "836c00000002770474727565770566616c73656a", term: [true, false] },
    { name: "an integer of 64 bits", hex: "836e0600004d76809b01", term: 1767386795264 },
    { name: "one that no number holds", hex: "836e08010000000000000080", term: -(2n ** 63n) },
    { name: "a float", hex: "83463ff8000000000000", term: 1.5 },
    { name: "an atom of long names", hex: "837600026162", term: "ab" },
    { name: "the empty list", hex: "836a", term: [] },
  ])("reads $name", ({ hex, term }) => {
    expect(decodeTerm(Buffer.from(hex.replaceAll(" ", ""), "hex"))).toEqual(term);
  });

  it.for([
    { name: "no version byte", hex: "826a" },
    { name: "bytes after the end", hex: "836a00" },
    { name: "a binary cut short", hex: "836d00000005616263" },
    { name: "a binary longer than memory", hex: "836dffffffff61" },
    { name: "a tuple longer than memory", hex: "8369ffffffff" },
    { name: "a list without its end", hex: "836c00000001610161" },
    { name: "an improper list", hex: "836c000000016101770161" },
    { name: "a map whose key is no name", hex: "837400000001610161 02" },
    { name: "a map that lies about its size", hex: "8374ffffffff" },
    { name: "a pid", hex: "83587701610000000000000000 00000000" },
    { name: "a compressed term", hex: "8350000000016161" },
    { name: "nothing", hex: "" },
  ])("refuses $name", ({ hex }) => {
    expect(() => decodeTerm(Buffer.from(hex.replaceAll(" ", ""), "hex"))).toThrow(/^the node sent a malformed term/);
  });

  it("refuses depth without end", () => {
    const deep = Buffer.concat([
      Buffer.from([131]),
      Buffer.alloc(100_000 * 2, Buffer.from([104, 1])),
      Buffer.from([106]),
    ]);
    expect(() => decodeTerm(deep)).toThrow("too deep");
  });

  it("never does anything but read or refuse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(refusal(Buffer.from([131, ...bytes]))).toMatch(/^(none|the node sent a malformed term: .*)$/);
      }),
      { numRuns: 2000 },
    );
  });

  it("writes what it reads", () => {
    const { term } = fc.letrec<{ term: Term }>((tie) => ({
      term: fc.oneof(
        { maxDepth: 4 },
        fc.boolean(),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.string({ unit: "grapheme" }),
        fc.array(tie("term"), { maxLength: 4 }),
        fc.dictionary(
          fc.string().filter((key) => key !== "__proto__"),
          tie("term"),
          { maxKeys: 4, noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(
      fc.property(term, (value) => {
        expect(decodeTerm(encodeTerm(value))).toEqual(value);
      }),
    );
  });
});
