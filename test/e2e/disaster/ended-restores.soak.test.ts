import { afterAll, beforeAll, expect, it } from "vitest";
import { openRestoreLab, type Point, type RestoreLab } from "./ended-restores.ts";
import { restoring, steps } from "./points.ts";
import type { Fault } from "./faults.ts";

let lab: RestoreLab;

beforeAll(async () => {
  lab = await openRestoreLab(`erlmcp-ends-${process.pid}`);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});

const ends: readonly Fault[] = [
  "kill worker",
  "kill launcher",
  "terminate worker",
  "terminate launcher",
  "remove worker",
];
const places = [
  steps.staging,
  steps.stopping,
  restoring("volumes"),
  restoring("dets"),
  restoring("mnesia"),
  restoring("config"),
  restoring("postgres"),
  steps.starting,
  restoring("ets"),
  steps.comparing,
  steps.finishing,
];

/** Each place with two ways to end there, so that every way meets every third of a restore. */
const ended: Point[] = places.flatMap((at, index) =>
  [0, 2].map((shift) => ({
    at,
    fault: ends[(index * 2 + shift) % ends.length] ?? "kill worker",
    mend: (index + shift / 2) % 2 === 0 ? ("--abort" as const) : ("--resume" as const),
  })),
);

const kill = "kill worker" as const;
const failing: Point[] = [
  { at: steps.verifying, fault: "kill launcher", mend: "--abort" },
  { at: steps.saving, fault: "kill launcher", mend: "--abort" },
  { at: steps.saving, fault: "terminate launcher", mend: "--abort" },
  { at: steps.saved, fault: "kill launcher", mend: "--abort" },
  { at: steps.staging, fault: "kill pg_restore", mend: "--abort" },
  { at: steps.staging, fault: "kill a server process", mend: "--abort" },
  { at: steps.staging, fault: "kill postgres", mend: "--abort" },
  { at: restoring("postgres"), fault: "kill postgres", mend: "--resume" },
  { at: steps.waiting, fault: "kill node", mend: "--abort" },
  { at: steps.waiting, fault: "kill files", mend: "--abort" },
  { at: restoring("ets"), fault: "kill the client VM", mend: "--abort" },
  { at: restoring("ets"), fault: "kill node", mend: "--abort" },
  { at: steps.finishing, fault: "kill postgres", mend: "--resume" },
  { at: restoring("volumes"), fault: kill, mend: "--abort", again: { at: restoring("dets"), fault: kill } },
  { at: restoring("mnesia"), fault: kill, mend: "--abort", again: { at: steps.starting, fault: "remove worker" } },
  { at: restoring("config"), fault: kill, mend: "--resume", again: { at: restoring("postgres"), fault: kill } },
  { at: steps.starting, fault: kill, mend: "--abort", again: { at: restoring("ets"), fault: "kill launcher" } },
];

it.each<Point>([...ended, ...failing])(
  "a restore hit at $at.source ($fault, $mend) leaves the system as before or as restored",
  async (point) => {
    const told = await lab.hit(point);
    console.log(told);
    expect(told).toMatch(/as (before|restored)/);
  },
);
