import { afterAll, beforeAll, expect, it } from "vitest";
import { openRestoreLab, type Point, type RestoreLab } from "./ended-restores.ts";
import { restoring, steps } from "./points.ts";

let lab: RestoreLab;

beforeAll(async () => {
  lab = await openRestoreLab(`erlmcp-ended-${process.pid}`);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});

// A sample of what ended-restores.soak.test.ts does.
it.each<Point>([
  { at: steps.staging, fault: "kill a server process", mend: "--abort" },
  { at: restoring("mnesia"), fault: "kill launcher", mend: "--abort" },
  {
    at: restoring("volumes"),
    fault: "kill worker",
    mend: "--abort",
    again: { at: restoring("dets"), fault: "kill worker" },
  },
  { at: steps.starting, fault: "remove worker", mend: "--resume" },
  { at: steps.finishing, fault: "kill worker", mend: "--resume" },
])("a restore hit at $at.source ($fault) leaves the system as before or as restored", async (point) => {
  const told = await lab.hit(point);
  console.log(told);
  expect(told).toMatch(/as (before|restored)/);
});
