import { createReceipt, type ReceiptDraft } from "@erlmcp/manifest";
import { expect, it } from "vitest";
import { bytes, formatReceipt } from "./format-receipt.ts";

const hash = "0123456789abcdef".repeat(4);

const failed: ReceiptDraft = {
  service: "backup",
  command: ["full"],
  timestamp: "2026-02-02T12:00:05.500Z",
  started_at: "2026-02-02T12:00:00.000Z",
  finished_at: "2026-02-02T12:00:05.500Z",
  exit_code: 1,
  error: { code: "DISK_FULL", message: "no space left in the repository", hint: "Free 1 GB." },
  git_sha: null,
  image_digest: null,
  tool_version: "0.1.0",
  hostname: "host",
  stdout_sha256: hash,
  stderr_sha256: hash,
  backup_id: null,
  backup_type: null,
  backup_path: null,
  checksum_hash: null,
  base: null,
  retention_days: null,
  cipher: null,
  complete: null,
  sizes: null,
  components: null,
  ledger: null,
  grades: null,
  grade: null,
  capture: null,
  remote: null,
  notes: [],
  details: {},
};

const saved: ReceiptDraft = {
  ...failed,
  exit_code: 3,
  error: null,
  git_sha: "1234567890123456789012345678901234567890",
  backup_id: "erlmcp_full_20260202_120000",
  backup_type: "full",
  backup_path: "/var/lib/erlmcp/backups/erlmcp_full_20260202_120000",
  checksum_hash: hash,
  cipher: "aes-256-gcm",
  complete: false,
  sizes: { source_bytes: 12_345_678, new_bytes: 1_234_567, stored_bytes: 999 },
  components: {
    ets: { sources: 1, captured: 23, rows: 12_345, bytes: 4_500_000, grade: "fuzzy-verified" },
    volumes: { sources: 2, captured: 1_234, rows: 0, bytes: 9_960_000, grade: null },
  },
  ledger: {
    captured: 1257,
    excluded: 4,
    ephemeral: 3,
    unreadable: 1,
    failed: 0,
    not_read: [
      { component: "volumes", source: "erlmcp-data", name: "a/b", verdict: "unreadable", reason: "EIO: i/o error" },
    ],
    not_read_omitted: 0,
  },
  capture: { first_at: "2026-02-02T12:00:01.000Z", last_at: "2026-02-02T12:00:03.250Z", spread_seconds: 2.25 },
  remote: { state: "none", detail: "" },
  notes: [
    "a full backup was taken because the newest restore point that could be a base has another key than this one",
  ],
};

const proofLine = /proof +[0-9a-f]{64}\n/;

it("shows what was saved, and what was not", () => {
  const text = formatReceipt(createReceipt(saved));
  expect(text).toMatch(proofLine);
  expect(text.replace(proofLine, "")).toBe(`\
  restore point     erlmcp_full_20260202_120000
  outcome           saved, not complete (exit status 3), 5.5 s
  finished          2026-02-02T12:00:05.500Z
  size              12 MB at the source, 1.2 MB new, 999 B stored
  encryption        aes-256-gcm

  component   sources   captured     rows    bytes   weakest grade
  ets               1         23   12,345   4.5 MB   fuzzy-verified
  volumes           2      1,234        0    10 MB   -

  ledger            1257 captured, 4 excluded, 3 ephemeral, 1 unreadable, 0
                    failed
  not read          volumes erlmcp-data a/b: EIO: i/o error
  captured within   2.3 s, first to last
  remote copy       none
  note              a full backup was taken because the newest restore point
                    that could be a base has another key than this one

  git revision      1234567890123456789012345678901234567890
  checksums         ${hash}
  `);
});

it("shows a failure with what to do about it", () => {
  expect(formatReceipt(createReceipt(failed)).replace(proofLine, "")).toBe(`\
  restore point     none
  outcome           failed (exit status 1), 5.5 s
  finished          2026-02-02T12:00:05.500Z
  error             no space left in the repository. Free 1 GB.

  `);
});

it.for([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [9949, "9.9 kB"],
  [9950, "10 kB"],
  [999_499, "999 kB"],
  [999_500, "1.0 MB"],
  [3_000_000_000, "3.0 GB"],
] as const)("writes %i bytes as %s", ([count, text]) => {
  expect(bytes(count)).toBe(text);
});
