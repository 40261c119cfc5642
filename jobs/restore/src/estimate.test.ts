import { createReceipt, serializeReceipt, type ReceiptDraft } from "@erlmcp/manifest";
import { createMemoryStore } from "@erlmcp/store";
import { expect, it } from "vitest";
import { estimate, readTimings } from "./estimate.ts";

it("guesses as long as nothing was measured", () => {
  expect(estimate(20, [])).toEqual({ seconds: 20, basis: "a guess: no restore was measured here yet" });
});

it("is as far from the guess as earlier restores were, long ones counting for more", () => {
  const slow = { seconds: 90, guessed_seconds: 30 };
  expect(estimate(20, [slow])).toEqual({ seconds: 60, basis: "measured in the last restore here" });
  expect(estimate(20, [slow, { seconds: 10, guessed_seconds: 10 }])).toEqual({
    seconds: 50, // 100 s instead of 40
    basis: "measured in the last 2 restores here",
  });
});

function receipt(service: string, details: ReceiptDraft["details"]): Buffer {
  const time = "2026-02-02T12:00:00.000Z";
  const hash = "0".repeat(64);
  const run = { service, command: [], timestamp: time, started_at: time, finished_at: time, exit_code: 0, error: null };
  const build = {
    git_sha: null,
    image_digest: null,
    tool_version: "0",
    hostname: "h",
    stdout_sha256: hash,
    stderr_sha256: hash,
  };
  const point = { backup_id: null, backup_type: null, backup_path: null, checksum_hash: null, base: null };
  const rest = { retention_days: null, cipher: null, complete: null, sizes: null, components: null, ledger: null };
  const end = { grades: null, grade: null, capture: null, remote: null, notes: [], details };
  return serializeReceipt(createReceipt({ ...run, ...build, ...point, ...rest, ...end }));
}

it("reads the newest five that were measured, and passes over what is damaged or of another job", async () => {
  const store = createMemoryStore();
  const put = (day: number, job: string, bytes: Buffer) =>
    store.put(`receipts/202602${String(day).padStart(2, "0")}T120000Z_${job}_run.json`, bytes);
  for (let day = 1; day <= 7; day += 1) {
    await put(day, "restore", receipt("restore", { timing: { seconds: day, guessed_seconds: 1 } }));
  }
  await put(8, "restore", receipt("restore", {})); // put back
  await put(9, "restore", Buffer.from("{"));
  await put(10, "backup", receipt("backup", { timing: { seconds: 99, guessed_seconds: 1 } }));
  expect((await readTimings(store)).map(({ seconds }) => seconds)).toEqual([7, 6, 5, 4, 3]);
});
