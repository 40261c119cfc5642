import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { catalogLineOf, formatAge, formatBytes, formatListing, listingData, type CatalogLine } from "./index.ts";
import { headOf } from "./sample-points.ts";

const now = new Date("2026-02-03T12:00:00Z");
const all = {
  components: ["ets", "dets", "mnesia", "postgres", "volumes", "config"] as const,
  grade: "transactional" as const,
};

function list(points: readonly CatalogLine[], options: { unusable?: boolean; all?: boolean } = {}): string {
  const unusable =
    options.unusable === true ? [{ backup_id: "erlmcp_full_20260203_100000", reason: "no manifest" }] : [];
  return formatListing({ points: [...points], unusable }, { now, all: options.all ?? false });
}

const points = [
  catalogLineOf(
    headOf("erlmcp_full_20260202_120000", { sizes: { source_bytes: 1, new_bytes: 1, stored_bytes: 1_288_490_189 } }),
    all,
  ),
  catalogLineOf(
    headOf("erlmcp_incremental_20260202_121500", { complete: false, started_at: "2026-02-03T11:45:00.000Z" }),
    { components: ["ets", "mnesia"], grade: "fuzzy-verified" },
  ),
  {
    ...catalogLineOf(headOf("erlmcp_incremental_20260202_123000", { service: "restore" }), all),
    verified: { at: "2026-02-03T08:00:00.000Z", mode: "quick" as const, findings: 0 },
  },
  {
    ...catalogLineOf(headOf("erlmcp_compliance_20260203_000000"), undefined),
    replicas: ["secondary", "dr"],
    held: { until: "2026-12-31T00:00:00.000Z", reason: `audit ${"of everything ".repeat(6)}` },
    verified: { at: "2026-01-01T08:00:00.000Z", mode: "full" as const, findings: 3 },
  },
  catalogLineOf(
    headOf("erlmcp_incremental_20260203_110000", {
      base: "erlmcp_full_20260101_000000",
      depends_on: ["erlmcp_full_20260101_000000"],
    }),
    undefined,
  ),
];

it("shows restore points by generation in 80 columns, with what must not be overlooked", () => {
  const listing = list(points, { unusable: true });
  expect(listing).toBe(
    [
      "RESTORE POINT                         AGE    SIZE HOLDS  GRADE  VERIFIED   REP",
      "erlmcp_full_20260202_120000           24h 1.2 GiB edmpvc trans  -            -",
      "  erlmcp_incremental_20260202_121500  15m 1.0 KiB e-m--- fuzzy+ -            -",
      "      PARTIAL: something could not be read; see its receipt.json",
      "  erlmcp_incremental_20260202_123000  24h 1.0 KiB edmpvc trans  quick 4h     -",
      "      kept by a restore of what it replaced; latest passes over it",
      "erlmcp_compliance_20260203_000000     24h 1.0 KiB ?????? -      BAD 33d      2",
      "      DAMAGED: 3 things are wrong; see reports/",
      "      held until 2026-12-31: audit of everything of everything of everything of…",
      "erlmcp_incremental_20260203_110000    24h 1.0 KiB ?????? -      -            -",
      "      CANNOT BE RESTORED: it needs erlmcp_full_20260101_000000",
      "erlmcp_full_20260203_100000          UNUSABLE",
      "      no manifest",
      "",
      "SIZE is what each one adds; an indented one builds on the full above it.",
      "HOLDS: e ets, d dets, m mnesia, p postgres, v volumes, c config, ? not known",
      "GRADE of the weakest part: transactional, point-in-time, fuzzy(+ verified)",
      "VERIFIED: how, and how long ago. REP: replicas. -: none that is known of",
      "",
    ].join("\n"),
  );
  expect(Math.max(...listing.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});

it("says so when no replica and no hold is known, and when there is no restore point", () => {
  expect(list(points.slice(0, 2))).toContain("\nNone is known to have a replica or to be held.\n");
  expect(list(points)).not.toContain("None is known");
  expect(list([])).toContain("\n(none)\n");
});

/** A full on the 2nd of February, and incrementals every minute from then on. */
function generation(count: number): CatalogLine[] {
  const ids = Array.from({ length: count }, (_, at) => {
    const time = new Date(Date.UTC(2026, 1, 2, 12, at + 1));
    return `erlmcp_incremental_${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_")}`;
  });
  return ["erlmcp_full_20260202_120000", ...ids].map((id) => catalogLineOf(headOf(id), all));
}

it("sums up older incrementals when there are many, unless there is something to say about one", () => {
  const many = generation(60);
  const [, , , damaged] = many; // 12:03
  if (damaged === undefined) throw new Error("too few");
  many[3] = { ...damaged, verified: { at: "2026-02-03T08:00:00.000Z", mode: "full", findings: 1 } };
  const rows = list(many).split("\n");
  expect(rows.slice(1, 7)).toEqual([
    "erlmcp_full_20260202_120000           24h 1.0 KiB edmpvc trans  -            -",
    "  2 incrementals 20260202_120100 to 20260202_120200, 2.0 KiB",
    "  erlmcp_incremental_20260202_120300  24h 1.0 KiB edmpvc trans  BAD 4h       -",
    "      DAMAGED: 1 thing is wrong; see reports/",
    "  41 incrementals 20260202_120400 to 20260202_124400, 40 KiB",
    "  erlmcp_incremental_20260202_124500  24h 1.0 KiB edmpvc trans  -            -",
  ]);
  expect(rows).toContain("Older incrementals are summed up; --verbose lists each, --json too.");
  expect(list(many, { all: true }).match(/erlmcp_incremental/g)).toHaveLength(60);
  expect(list(generation(49)).match(/erlmcp_incremental/g)).toHaveLength(49);
});

it("gives programs every member of each, unknown ones as null", () => {
  const { points: listed } = listingData({ points, unusable: [] }, now);
  expect(listed[1]).toMatchObject({
    backup_id: "erlmcp_incremental_20260202_121500",
    type: "incremental",
    base: "erlmcp_full_20260202_120000",
    age_seconds: 900,
    complete: false,
    components: ["ets", "mnesia"],
    grade: "fuzzy-verified",
    safety: false,
    missing: [],
    verified: null,
    replicas: null,
    held: null,
  });
  expect(listed[2]).toMatchObject({ safety: true, verified: { mode: "quick", findings: 0 } });
  expect(listed[4]).toMatchObject({ missing: ["erlmcp_full_20260101_000000"] });
});

it("documents every member", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const documented = [...readme.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  const { points: listed } = listingData({ points, unusable: [] }, now);
  expect(new Set(documented)).toEqual(new Set(Object.keys(listed[0] ?? {})));
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
