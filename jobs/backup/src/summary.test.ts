import { createReceipt, type ReceiptDraft } from "@erlmcp/manifest";
import { expect, it } from "vitest";
import { summarise } from "./summary.ts";

const draft: ReceiptDraft = {
  service: "backup",
  command: ["full"],
  timestamp: "2026-02-02T12:00:09.500Z",
  started_at: "2026-02-02T12:00:00.000Z",
  finished_at: "2026-02-02T12:00:09.500Z",
  exit_code: 3,
  error: null,
  git_sha: null,
  image_digest: null,
  tool_version: "0.1.0",
  hostname: "host",
  stdout_sha256: "0".repeat(64),
  stderr_sha256: "0".repeat(64),
  backup_id: "erlmcp_full_20260202_120000",
  backup_type: "full",
  backup_path: "/var/lib/erlmcp/backups/erlmcp_full_20260202_120000",
  checksum_hash: "0".repeat(64),
  base: null,
  retention_days: 30,
  cipher: "none",
  complete: false,
  sizes: { source_bytes: 3_000_000, new_bytes: 2_000_000, stored_bytes: 1_048_576 },
  components: { mnesia: { sources: 1, captured: 17, rows: 1_068_338, bytes: 139_000_000, grade: "transactional" } },
  ledger: {
    captured: 17,
    excluded: 2,
    ephemeral: 39,
    unreadable: 0,
    failed: 1,
    not_read: [
      {
        component: "postgres",
        source: "db",
        name: "db",
        verdict: "failed",
        reason: `container db is exited, not running, and ${"so ".repeat(40)}on`,
      },
    ],
    not_read_omitted: 0,
  },
  grades: null,
  grade: "transactional",
  capture: { first_at: "2026-02-02T12:00:01.000Z", last_at: "2026-02-02T12:00:03.500Z", spread_seconds: 2.5 },
  remote: { state: "none", detail: "local only: S3_BUCKET is not set" },
  notes: [],
  details: {},
};

const lines = summarise(createReceipt(draft)).flatMap((text) => text.split("\n"));

it("fits a terminal of 80 columns", () => {
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

it("says what matters first: which restore point, whether it is complete, what is missing", () => {
  expect(lines[1]).toBe("restore point  erlmcp_full_20260202_120000  INCOMPLETE");
  expect(lines.some((line) => line.startsWith("NOT READ       postgres db: container db is exited"))).toBe(true);
  expect(lines).toContain("encryption     NONE");
  expect(lines).toContain("time           9.5 s, captures within 2.5 s");
});
