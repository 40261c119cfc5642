import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { endings, engineRestart, openLab, type Ending, type Lab } from "./ended-runs.ts";

let lab: Lab;

beforeAll(async () => {
  lab = await openLab(`erlmcp-soak-${process.pid}`);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});

const wanted = 36; // runs that were really ended
const most = 60;

/** Another's engine is not ours to restart. */
async function allEndings(): Promise<readonly Ending[]> {
  const { stdout } = await execa(new URL("../../rig/engine", import.meta.url), ["status"]);
  return stdout.startsWith("running") ? [...endings, engineRestart] : endings;
}

/** Points that fill the time ever more evenly, however many there will be: the fractional parts of multiples of the golden ratio. */
const pointOf = (number: number): number => 0.05 + 0.9 * ((number * 0.618_033_988_75) % 1);

it(`ends ${wanted} runs at points spread over their time, in every way, and finds everything sound after each`, async () => {
  const all = await allEndings();
  const hits = new Map<Ending, number>();
  let points = 0;
  for (let count = 0; count < wanted && points < most; points += 1) {
    const ending = all[points % all.length] ?? "kill worker";
    const { hit, text } = await lab.endAt(pointOf(points), ending);
    console.log(`${points + 1}: ${text}`);
    if (hit) hits.set(ending, (hits.get(ending) ?? 0) + 1);
    if (hit) count += 1;
    await expect(lab.checkAfter()).resolves.toBeUndefined();
  }
  console.log(`${points} points: ${[...hits].map(([ending, count]) => `${ending} ${count}`).join(", ")}`);
  expect([...hits.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(30);
  expect([...hits.keys()].toSorted()).toEqual([...all].toSorted());
});
