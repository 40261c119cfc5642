import { expect, it } from "vitest";
import { expectUntouched } from "./compare.ts";
import { strike, type Scenario } from "./moved.ts";

const one = ["erlmcp", "postgres", "postgres-load", "files"];
const two = ["erlmcp", "erlmcp2", "postgres", "postgres-load", "files"];

it.each<Omit<Scenario, "project" | "incrementals" | "settings">>([
  { services: one, cipher: undefined },
  { services: one, cipher: "aes-256-gcm" },
  { services: one, cipher: "aes-256-cbc" },
  { services: two, cipher: undefined },
  { services: two, cipher: "aes-256-gcm" },
  { services: two, cipher: "aes-256-cbc" },
])("brings back a full and each of ten incrementals, of $services with cipher $cipher", async (scenario) => {
  const project = `erlmcp-all-${process.pid}`;
  const disaster = await strike({ ...scenario, project, incrementals: 10, settings: { SAMPLE_ROWS: "2000" } });
  try {
    await disaster.restore(disaster.full.id);
    const changing = expectUntouched(await disaster.record(), disaster.full);
    expect(changing.tables).toBeGreaterThan(3);
    for (const { id, record } of disaster.incrementals) {
      await disaster.restore(id, ["--no-safety-backup"]);
      expect(await disaster.record()).toEqual(record);
    }
  } finally {
    await disaster[Symbol.asyncDispose]();
  }
});
