import { expect, it } from "vitest";
import { namesIn } from "./index.ts";

it.for([
  { path: "", names: [] },
  { path: "a/b c/..d", names: ["a", "b c", "..d"] },
  { path: { b64: Buffer.from([0x61, 0xff, 0x2f, 0x62]).toString("base64") }, names: ["a\u00ff", "b"] },
])("takes $path apart", ({ path, names }) => {
  expect(namesIn(path)).toEqual(names);
});

it.for(["/", "/etc", "a/", "a//b", ".", "..", "../a", "a/../../b", "a/.", "a\0b", "x/".repeat(600_000) + "x"])(
  "refuses a path that leads elsewhere (%#)",
  (path) => {
    expect(namesIn(path)).toBeUndefined();
  },
);
