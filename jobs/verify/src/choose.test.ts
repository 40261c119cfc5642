import { expect, it } from "vitest";
import { choosePoints } from "./choose.ts";
import { catalogLineOf } from "@erlmcp/catalog";

const full = "erlmcp_full_20260202_120000";
const incremental = "erlmcp_incremental_20260202_121500";
const damaged = "erlmcp_full_20260203_120000";

function lineOf(id: string) {
  const type = id === full ? "full" : "incremental";
  return catalogLineOf(
    {
      format: 1,
      id,
      type,
      started_at: "2026-02-02T12:00:00.000Z",
      finished_at: "2026-02-02T12:01:00.000Z",
      host: "db1",
      service: "backup",
      tool: { version: "0.1.0", revision: null },
      base: null,
      depends_on: [],
      complete: true,
      retention_days: 30,
      sizes: { source_bytes: 1, new_bytes: 1, stored_bytes: 1 },
      packs: [],
      index: { name: "chunks.idx", bytes: 1, sha256: "b".repeat(64) },
      cipher: "none",
      key_slots: [],
      chunking: { file: { min: 1, average: 2, max: 3 }, table: { min: 1, average: 2, max: 3 } },
    },
    undefined,
  );
}

const found = {
  points: [lineOf(incremental), lineOf(full)],
  unusable: [{ backup_id: damaged, reason: "manifest.json is not JSON" }],
};

it.for([
  ["all", [full, incremental, damaged]],
  ["latest", [damaged]],
  [full, [full]],
  [damaged, [damaged]],
] as const)("%s means %j: what cannot be used is verified too", ([wanted, ids]) => {
  expect(choosePoints(found, wanted)).toEqual(ids);
});

it("passes over what a restore has kept, as restore does, when the latest is asked for", () => {
  const kept = { ...lineOf("erlmcp_incremental_20260204_120000"), service: "restore" };
  expect(choosePoints({ points: [lineOf(full), kept], unusable: [] }, "latest")).toEqual([full]);
});

it.for([
  [found, "erlmcp_full_20260101_000000", "there is no restore point erlmcp_full_20260101_000000"],
  [{ points: [], unusable: [] }, "latest", "there is no restore point yet"],
  [{ points: [], unusable: [] }, "all", "there is no restore point yet"],
] as const)("says so when there is none", ([points, wanted, message]) => {
  const copy = { points: [...points.points], unusable: [...points.unusable] };
  expect(() => choosePoints(copy, wanted)).toThrow(expect.objectContaining({ code: "NOT_FOUND", message }));
});
