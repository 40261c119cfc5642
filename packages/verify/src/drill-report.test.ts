import { expect, it } from "vitest";
import { describeDrill, restoreSeconds, type DrillReport, type DrillTiming } from "./drill-report.ts";

const timing = (stage: DrillTiming["stage"], seconds: number): DrillTiming => ({
  stage,
  component: null,
  source: null,
  seconds,
});
const timings = [
  timing("fetch", 1),
  timing("open", 2),
  timing("prepare", 100),
  timing("load", 3.014),
  timing("check", 1000),
  timing("boot", 4),
];

it("counts what a restore does, and neither making containers nor comparing", () => {
  expect(restoreSeconds(timings)).toBe(10.01);
  expect(restoreSeconds([])).toBe(0);
});

const drill: DrillReport = {
  drilled: true,
  boot: false,
  images: [{ container: "app", image: "app:1", id: `sha256:${"a".repeat(64)}`, recorded: false }],
  proven: [{ component: "mnesia", source: "a@b", counts: { tables: 2, rows: 12_345 } }],
  checks: [{ name: "people", where: "app in db", expected: "3", found: "2", ok: false }],
  timings: [{ stage: "load", component: "mnesia", source: "a@b", seconds: 12.34 }],
  measured_rto_seconds: 12.34,
  sample: "all",
  notes: ["something"],
};

it("is told line by line", () => {
  expect(describeDrill(drill)).toEqual([
    "  image  app: app:1 (aaaaaaaaaaaa, not the recorded one)",
    "  proven mnesia a@b: 2 tables, 12,345 rows",
    "  check  people (app in db): FAILED",
    "    12.3 s loaded mnesia a@b",
    "  measured RTO 12.3 s, all of it restored, without starting the application",
    "  note   something",
  ]);
  expect(describeDrill({ ...drill, boot: true })).toContain(
    "  measured RTO 12.3 s, all of it restored, until the application was well",
  );
  expect(describeDrill({ ...drill, drilled: false, notes: ["it was not restored: it is damaged"] })).toEqual([
    "  note   it was not restored: it is damaged",
  ]);
});
