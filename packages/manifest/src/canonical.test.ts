import * as fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson } from "./index.ts";

it.for([
  { value: { b: 1, a: [true, null, "x"] }, text: '{"a":[true,null,"x"],"b":1}' },
  { value: { "10": 1, "9": 2, é: 3, Z: 4 }, text: '{"10":1,"9":2,"Z":4,"é":3}' }, // as text, which engines don't do by themselves
  { value: { gone: undefined, there: {} }, text: '{"there":{}}' },
  { value: [1e21, 0.1, -0, 1e-7], text: "[1e+21,0.1,0,1e-7]" },
  { value: '"\\\n\u007f€', text: '"\\"\\\\\\n\u007f€"' },
])("writes $text", ({ value, text }) => {
  expect(canonicalJson(value)).toBe(text);
});

it("indents", () => {
  expect(canonicalJson({ b: [], a: [1, { c: 2 }], d: {} }, 2)).toBe(
    '{\n  "a": [\n    1,\n    {\n      "c": 2\n    }\n  ],\n  "b": [],\n  "d": {}\n}',
  );
});

it("loses nothing, whatever the order of members", () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(plain);
      expect(canonicalJson(JSON.parse(canonicalJson(value, 2)))).toBe(canonicalJson(value));
    }),
  );
});

it.for([Number.NaN, Number.POSITIVE_INFINITY, 1n, undefined, () => 1])(
  "refuses %s, which has no JSON form",
  (value) => {
    expect(() => canonicalJson([value])).toThrow("has no JSON form");
  },
);
