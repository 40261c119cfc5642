import { expect, it } from "vitest";
import { catalogLineOf, formatAge, formatBytes, formatListing } from "./index.ts";
import { headOf } from "./sample-points.ts";

const now = new Date("2026-02-03T12:00:00Z");
const all = {
  components: ["ets", "dets", "mnesia", "postgres", "volumes", "config"] as const,
  grade: "transactional" as const,
};

const points = [
  catalogLineOf(
    headOf("erlmcp_full_20260202_120000", { sizes: { source_bytes: 1, new_bytes: 1, stored_bytes: 1_288_490_189 } }),
    all,
  ),
  catalogLineOf(
    headOf("erlmcp_incremental_20260202_121500", { complete: false, started_at: "2026-02-03T11:45:00.000Z" }),
    {
      components: ["ets", "mnesia"],
      grade: "fuzzy-verified",
    },
  ),
  catalogLineOf(headOf("erlmcp_compliance_20260203_000000"), undefined),
  catalogLineOf(headOf("erlmcp_incremental_20260203_110000", { base: "erlmcp_full_20260101_000000" }), undefined),
];

it("shows restore points by generation in 80 columns", () => {
  const listing = formatListing(
    { points, unusable: [{ backup_id: "erlmcp_full_20260203_100000", reason: "no manifest" }] },
    now,
  );
  expect(listing).toBe(
    [
      "RESTORE POINT                         AGE    SIZE HOLDS  GRADE          STATE",
      "erlmcp_full_20260202_120000           24h 1.2 GiB edmpvc transactional  complete",
      "  erlmcp_incremental_20260202_121500  15m 1.0 KiB e-m--- fuzzy-verified PARTIAL",
      "erlmcp_compliance_20260203_000000     24h 1.0 KiB ?????? -              complete",
      "erlmcp_incremental_20260203_110000    24h 1.0 KiB ?????? -              complete",
      "unusable: erlmcp_full_20260203_100000: no manifest",
      "",
      "HOLDS: e ets, d dets, m mnesia, p postgres, v volumes, c config, ? not known",
      "STATE: ok 3d and PART 3d (incomplete) verified 3 days ago, BAD 3d damaged then",
      "SIZE is what each one stores by itself.",
      "",
    ].join("\n"),
  );
  expect(Math.max(...listing.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});

it.for([
  { complete: true, findings: 0, state: "ok 4h" },
  { complete: false, findings: 0, state: "PART 4h" },
  { complete: true, findings: 2, state: "BAD 4h" },
  { complete: true, findings: 0, service: "restore", state: "safe 4h" },
])("tells when a restore point was verified, and how: $state", ({ complete, findings, service = "backup", state }) => {
  const verified = { at: "2026-02-03T08:00:00.000Z", mode: "full", findings } as const;
  const line = { ...catalogLineOf(headOf("erlmcp_full_20260202_120000", { complete, service }), all), verified };
  expect(formatListing({ points: [line], unusable: [] }, now)).toContain(` transactional  ${state}\n`);
});

it("says so when there is none", () => {
  expect(formatListing({ points: [], unusable: [] }, now)).toContain("\n(none)\n");
});

it.for([
  [-5000, "0s"],
  [999, "0s"],
  [99_999, "99s"],
  [100_000, "1m"],
  [5_999_999, "99m"],
  [6_000_000, "1h"],
  [172_799_999, "47h"],
  [172_800_000, "2d"],
  [86_399_999_999, "999d"],
  [86_400_000_000, "2y"],
] as const)("an age of %i ms is %s", ([milliseconds, text]) => {
  expect(formatAge(milliseconds)).toBe(text);
});

it.for([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 KiB"],
  [1024, "1.0 KiB"],
  [10_137, "9.9 KiB"],
  [10_189, "10 KiB"],
  [1_022_976, "999 KiB"],
  [1_023_488, "1.0 MiB"],
  [33_554_432, "32 MiB"],
  [1_288_490_189, "1.2 GiB"],
  [Number.MAX_SAFE_INTEGER, "8.0 PiB"],
] as const)("%i bytes are %s", ([bytes, text]) => {
  expect(formatBytes(bytes)).toBe(text);
});
