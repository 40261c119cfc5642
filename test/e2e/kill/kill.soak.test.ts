import { afterAll, beforeAll, expect, it } from "vitest";
import { endings, openLab, type Lab } from "./ended-runs.ts";

let lab: Lab;

beforeAll(async () => {
  lab = await openLab(`erlmcp-soak-${process.pid}`);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});

const points = 36;

it(`ends ${points} runs at points spread over their time, in every way, and finds everything sound after each`, async () => {
  for (let point = 0; point < points; point += 1) {
    const ending = endings[point % endings.length] ?? "kill worker";
    const hit = await lab.endAt((point + 0.5) / points, ending);
    console.log(hit);
    await expect(lab.checkAfter()).resolves.toBeUndefined();
  }
});
