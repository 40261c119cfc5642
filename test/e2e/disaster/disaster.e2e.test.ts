import { afterAll, beforeAll, expect, it } from "vitest";
import { expectUntouched } from "./compare.ts";
import { query, strike, type Disaster } from "./moved.ts";

const lean = ["--no-safety-backup", "--skip-verification"]; // the first restore has both
const incrementals = 10;
let disaster: Disaster;

beforeAll(async () => {
  disaster = await strike({
    project: `erlmcp-disaster-${process.pid}`,
    services: ["erlmcp", "postgres", "postgres-load", "files"],
    cipher: "aes-256-gcm",
    incrementals,
    settings: {},
  });
});

afterAll(async () => {
  await disaster[Symbol.asyncDispose]();
});

it("brings back a full that was made under write load, on other host and node names", async () => {
  const { full, stack } = disaster;
  const receipt = await disaster.restore(full.id);
  expect(receipt.details["safety_backup"]).toMatch(/^erlmcp_(full|incremental)_/);
  const restored = await disaster.record();
  const changing = expectUntouched(restored, full);
  expect(changing).toMatchObject({ paths: 1, config: 0, databases: 1 }); // the growing file, the database with load
  expect(changing.tables).toBeGreaterThan(3);
  expect(Object.keys(restored.tables).length).toBeGreaterThan(changing.tables * 2);

  const { mnesia } = await stack.witness("erlmcp");
  expect(mnesia.sum).toBe(mnesia.expected); // of transactions that move amounts: none half there
  expect(await query(stack, "SELECT sum(balance_cents) FROM shop.account")).toBe(String(150 * 100_000));
  const transfers = Number(await query(stack, "SELECT count(*) FROM shop.transfer"));
  expect(transfers).toBeGreaterThanOrEqual(full.transfers[0]);
  expect(transfers).toBeLessThanOrEqual(full.transfers[1]);
  expect(full.transfers[1]).toBeGreaterThan(full.transfers[0]);
});

it.each(Array.from({ length: incrementals }, (_, at) => at))(
  "brings back incremental %i as it was recorded then",
  async (at) => {
    const point = disaster.incrementals[at];
    if (point === undefined) throw new Error(`there is no incremental ${at}`);
    await disaster.restore(point.id, lean);
    expect(await disaster.record()).toEqual(point.record);
  },
);
