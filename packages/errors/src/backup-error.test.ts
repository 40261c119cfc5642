import { expect, it } from "vitest";
import { BackupError, statusOf } from "./index.ts";

it("gives each code its exit status", () => {
  expect(statusOf(new BackupError("LOCKED", "held"))).toBe(6);
  expect(statusOf(new BackupError("KEY_WRONG", "no"))).toBe(7);
});

it("treats what it does not know as a failure", () => {
  expect(statusOf(new Error("surprise"))).toBe(1);
  expect(statusOf("text")).toBe(1);
});

it("keeps the cause and the hint", () => {
  const cause = new Error("EACCES");
  const error = new BackupError("KEY_MISSING", "key file /k cannot be read", { hint: "Check its mode.", cause });
  expect(error.cause).toBe(cause);
  expect(error.hint).toBe("Check its mode.");
});
