import type { Entry } from "@erlmcp/entry";
import { expect, it } from "vitest";
import { createPlaceCheck } from "./place-check.ts";

const inTree = { mode: 0o644, uid: 0, gid: 0, mtime: "0" };
const folder = (path: string): Entry => ({ kind: "folder", path, ...inTree });
const link = (kind: "symlink" | "hardlink", path: string, target: string): Entry => ({ kind, path, target, ...inTree });

function problems(entries: readonly Entry[]): string[] {
  const check = createPlaceCheck();
  return entries.flatMap((entry) => check(entry));
}

it("has nothing against what a capture writes", () => {
  const dump: Entry = { kind: "dump", path: "databases/a", facts: {}, content: { bytes: 0, depth: 0, chunks: [] } };
  expect(
    problems([folder(""), link("symlink", "a", "../x"), link("hardlink", "a-b", "a"), folder("b"), folder("b/c")]),
  ).toEqual([]);
  expect(problems([dump, { ...dump, path: "databases/a.b" }, { ...dump, path: "globals" }])).toEqual([]);
});

it.for([
  { entries: [folder("../up")], what: "its path leads elsewhere" },
  { entries: [link("symlink", "", "x")], what: "the root is a symlink" },
  { entries: [link("symlink", "a", "/etc"), folder("a/b")], what: "it lies in what is no folder" },
  { entries: [link("hardlink", "a", "../passwd")], what: "the file that it is a further name of lies elsewhere" },
])("names what cannot be: $what", ({ entries, what }) => {
  expect(problems(entries)).toEqual([what]);
});
