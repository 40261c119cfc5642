import { afterAll, beforeAll, expect, it } from "vitest";
import { expectUntouched } from "./compare.ts";
import { strike, type Disaster } from "./moved.ts";

let disaster: Disaster;

beforeAll(async () => {
  disaster = await strike({
    project: `erlmcp-cluster-${process.pid}`,
    services: ["erlmcp", "erlmcp2"],
    cipher: undefined,
    incrementals: 2,
    settings: { SAMPLE_ROWS: "60" },
  });
});

afterAll(async () => {
  await disaster[Symbol.asyncDispose]();
});

const lean = ["--no-safety-backup", "--skip-verification"];

it("brings two nodes back, a full that was made under write load, on other host and node names", async () => {
  const { full, stack } = disaster;
  await disaster.restore(full.id, lean);
  const changing = expectUntouched(await disaster.record(), full);
  expect(changing.tables).toBeGreaterThan(3);
  for (const node of ["erlmcp", "erlmcp2"]) {
    const { mnesia } = await stack.witness(node);
    expect(mnesia.sum).toBe(mnesia.expected);
  }
});

it("brings the last incremental back as it was recorded, what is local to each node too", async () => {
  const last = disaster.incrementals.at(-1);
  if (last === undefined) throw new Error("there is no incremental");
  await disaster.restore(last.id, lean);
  expect(await disaster.record()).toEqual(last.record);
});
