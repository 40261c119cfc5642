import * as fc from "fast-check";
import { expect, it } from "vitest";
import { BackupType, newId, nextFreeId, parseId, tryParseId } from "./index.ts";

const noon = new Date("2026-02-02T12:00:00.999Z");

it.for([
  ["full", "erlmcp_full_20260202_120000"],
  ["incremental", "erlmcp_incremental_20260202_120000"],
  ["compliance", "erlmcp_compliance_20260202_120000"],
] as const)("names a %s after its second in UTC", ([type, id]) => {
  expect(newId(type, noon)).toBe(id);
});

it("parses what it names", () => {
  const times = fc.date({
    min: new Date("1970-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(fc.constantFrom(...BackupType.options), times, (type, at) => {
      const whole = new Date(Math.floor(at.getTime() / 1000) * 1000);
      expect(parseId(newId(type, at))).toEqual({ type, at: whole });
    }),
  );
});

it.for([
  "",
  "erlmcp_full_20260202_12000",
  "erlmcp_full_20260202_1200000",
  "erlmcp_full_20260230_120000", // no such day
  "erlmcp_full_20260202_240000",
  "erlmcp_full_20260202_126000",
  "erlmcp_partial_20260202_120000",
  "../erlmcp_full_20260202_120000",
  "erlmcp_full_20260202_120000/",
  "erlmcp_full_20260202_120000\n",
  "ERLMCP_full_20260202_120000",
])("refuses %j", (id) => {
  expect(tryParseId(id)).toBeUndefined();
  expect(() => parseId(id)).toThrow("is not a backup ID");
});

it.for([
  { existing: [], id: "erlmcp_incremental_20260202_120000" },
  { existing: ["erlmcp_incremental_20260202_120000"], id: "erlmcp_incremental_20260202_120001" },
  { existing: ["erlmcp_full_20260202_120000"], id: "erlmcp_incremental_20260202_120001" },
  {
    existing: ["erlmcp_full_20260202_120001", "erlmcp_full_20260202_120000"],
    id: "erlmcp_incremental_20260202_120002",
  },
  { existing: ["erlmcp_full_20260202_120001"], id: "erlmcp_incremental_20260202_120000" },
])("takes $id beside $existing", ({ existing, id }) => {
  expect(nextFreeId("incremental", noon, existing)).toBe(id);
});
