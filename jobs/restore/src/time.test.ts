import { expect, it } from "vitest";
import { parseTime } from "./time.ts";

const now = new Date("2026-03-01T00:30:00.500Z");

it.each([
  ["2026-02-02T12:00:30Z", "2026-02-02T12:00:30.000Z"],
  ["2026-02-02T12:00:30.250Z", "2026-02-02T12:00:30.250Z"], // as receipts and the listing write it
  ["2026-02-02t12:00:30z", "2026-02-02T12:00:30.000Z"],
  ["2026-02-02T12:00:30+01:00", "2026-02-02T11:00:30.000Z"],
  ["2026-02-02 12:00:30 +0530", "2026-02-02T06:30:30.000Z"],
  ["2026-02-02 12:00 -08", "2026-02-02T20:00:59.999Z"],
  ["2026-02-02 12:00 UTC", "2026-02-02T12:00:59.999Z"],
  ["2026-02-02 12:00", "2026-02-02T12:00:59.999Z"],
  ["2026-02-02", "2026-02-02T23:59:59.999Z"],
  ["2024-02-29", "2024-02-29T23:59:59.999Z"],
  ["20260202_120000", "2026-02-02T12:00:00.000Z"],
  ["erlmcp_full_20260202_120000", "2026-02-02T12:00:00.000Z"],
  ["90m", "2026-02-28T23:00:00.500Z"],
  ["2 hours ago", "2026-02-28T22:30:00.500Z"],
  ["1d", "2026-02-28T00:30:00.500Z"],
  ["1 week ago", "2026-02-22T00:30:00.500Z"],
])("%s is %s", (text, wanted) => {
  expect(parseTime(text, now).toISOString()).toBe(wanted);
});

it.each([
  ["", "Write it as"],
  ["yesterday", "Write it as"],
  ["2026-02-02 12:00 CET", "offset"],
  ["2026-02-02 12:00 Europe/Prague", "offset"],
  ["2026-02-30", "Write it as"],
  ["2026-13-01", "Write it as"],
  ["20260230_120000", "Write it as"],
  ["12:00", "Write it as"],
  ["2026-02-02T25:00", "Write it as"],
  ["2026-02-02T12:00 +1", "Write it as"],
  ["1770000000", "Write it as"],
  ["2 fortnights ago", "Write it as"],
])("refuses %j with a hint", (text, hint) => {
  expect(() => parseTime(text, now)).toThrow(
    expect.objectContaining({ code: "USAGE", hint: expect.stringContaining(hint) }),
  );
});
