import { Buffer } from "node:buffer";
import { assert, property, string, stringMatching } from "fast-check";
import { expect, it } from "vitest";
import { keptName, stagedName } from "./names.ts";

it("says what a database is and of which restore", () => {
  expect(stagedName("app", "r1")).toBe("app__erlmcp_restore_r1");
  expect(keptName("app", "r1")).toBe("app__erlmcp_old_r1");
  expect(stagedName("x".repeat(44), "r1")).toBe(`${"x".repeat(44)}__erlmcp_restore_r1`); // 63 bytes
});

it("cuts what is too long for PostgreSQL, and keeps it apart from what begins alike", () => {
  const one = stagedName("x".repeat(45), "r1");
  const two = stagedName(`${"x".repeat(44)}y`, "r1");
  expect(Buffer.byteLength(one)).toBeLessThanOrEqual(63);
  expect(one).toMatch(/^x{37}~[0-9a-f]{6}__erlmcp_restore_r1$/);
  expect(one).not.toBe(two);
});

it("never gives a name that PostgreSQL would cut, nor one that is no text", () => {
  const id = stringMatching(/^[A-Za-z0-9_-]{1,32}$/);
  assert(
    property(string({ minLength: 1, maxLength: 63, unit: "grapheme" }), id, (name, restoreId) => {
      for (const made of [stagedName(name, restoreId), keptName(name, restoreId)]) {
        expect(Buffer.byteLength(made)).toBeLessThanOrEqual(63);
        expect(Buffer.from(made).toString("utf8")).toBe(made);
      }
      expect(stagedName(name, restoreId)).not.toBe(keptName(name, restoreId));
    }),
  );
});
