import { expect, it } from "vitest";
import { compareRows, differencesOf, differenceText, requireSame, type Compared } from "./compare.ts";

const reason = "written since";

it.each([
  { name: "finds nothing where the numbers agree", expected: 7, found: 7, reason: undefined, weight: undefined },
  { name: "fails fewer rows that nothing accounts for", expected: 7, found: 6, reason: undefined, weight: "fails" },
  { name: "fails more rows that nothing accounts for", expected: 7, found: 8, reason: undefined, weight: "fails" },
  { name: "never calls fewer rows complete", expected: 7, found: 0, reason, weight: "incomplete" },
  { name: "notes rows that were added", expected: 7, found: 8, reason, weight: "note" },
])("compareRows $name", ({ expected, found, reason: why, weight }) => {
  expect(compareRows("account", { expected, found, reason: why }).map((one) => one.weight)).toEqual(
    weight === undefined ? [] : [weight],
  );
});

function compared(...differences: Compared["differences"]): Compared {
  return { component: "mnesia", source: "a@b", things: "tables", equal: 3, differences };
}

it("says what is otherwise, and why that may be", () => {
  const [fewer] = compareRows("account", { expected: 100, found: 90, reason });
  if (fewer === undefined) throw new Error("no difference");
  expect(differenceText(fewer)).toBe("account: rows 90, the restore point has 100 (written since)");
  expect(differencesOf([compared(fewer)], "incomplete")).toEqual([`mnesia ${differenceText(fewer)}`]);
  expect(differencesOf([compared(fewer)], "note")).toEqual([]);
});

it("fails for what nothing accounts for, and for nothing else", () => {
  const explained = compareRows("account", { expected: 100, found: 90, reason });
  expect(() => requireSame([compared(...explained)])).not.toThrow();
  const type = { name: "tag", what: "type", expected: "bag", found: "set", weight: "fails" } as const;
  expect(() => requireSame([compared(...explained, type)])).toThrow(
    "not as in the restore point: mnesia tag: type set, the restore point has bag",
  );
});
