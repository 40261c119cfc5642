import { expect, it } from "vitest";
import { parseTime } from "./time.ts";

it.each([
  ["2026-02-02T12:00:30Z", "2026-02-02T12:00:30.000Z"],
  ["2026-02-02T12:00:30+01:00", "2026-02-02T11:00:30.000Z"],
  ["2026-02-02 12:00", "2026-02-02T12:00:59.999Z"],
  ["2026-02-02", "2026-02-02T23:59:59.999Z"],
  ["2024-02-29", "2024-02-29T23:59:59.999Z"],
])("%s is %s", (text, wanted) => {
  expect(parseTime(text).toISOString()).toBe(wanted);
});

it.each([
  "",
  "yesterday",
  "2026-02-30",
  "2026-13-01",
  "12:00",
  "2026-02-02T25:00",
  "2026-02-02T12:00 +1",
  "1770000000",
])("refuses %j", (text) => {
  expect(() => parseTime(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
});
