import { expect, it } from "vitest";
import { fileName, shortName, textPath } from "./text-path.ts";

it("keeps a name that fits, and tells long ones apart", () => {
  const long = "é".repeat(200);
  expect(shortName("a%2Fb")).toBe("a%2Fb");
  expect(shortName("x".repeat(200))).toBe("x".repeat(200));
  expect(Buffer.byteLength(shortName(long))).toBeLessThanOrEqual(200);
  expect(shortName(long)).toMatch(/^é{91}~[0-9a-f]{16}$/);
  expect(shortName(`${long}a`)).not.toBe(shortName(`${long}b`));
});

it.for([
  ["a/b", "a%2Fb"],
  ["..", "%.."],
  ["", "%"],
  ["100%", "100%25"],
  ["nul\0", "nul%00"],
])("makes one name of %j", ([name = "", file]) => {
  expect(fileName(name)).toBe(file);
});

it("refuses a table's path that leads elsewhere, and takes one that is long", () => {
  expect(() => textPath("tables/../../etc")).toThrow("is none");
  expect(textPath(`tables/${"ü".repeat(300)}`)).toEqual(["tables", "ü".repeat(300)]);
});
