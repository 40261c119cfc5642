import { createDocumentSealer, hmac, manifestMacKey, type Cipher, type RunSecret } from "@erlmcp/crypto";
import { BackupError } from "@erlmcp/errors";
import type { KeySlot, Manifest, ManifestKeys, ReceiptDraft } from "./index.ts";

/** In place of a SHA-256. */
export const hash = (digit: string): string => digit.repeat(64);

/** For tests: a manifest with something in each of its parts. */
export const plainSample: Manifest = {
  head: {
    format: 1,
    id: "erlmcp_full_20260202_120000",
    type: "full",
    started_at: "2026-02-02T12:00:00.000Z",
    finished_at: "2026-02-02T12:01:00.500Z",
    host: "db1",
    service: "backup",
    tool: { version: "0.1.0", revision: null },
    base: null,
    depends_on: [],
    complete: true,
    retention_days: 30,
    sizes: { source_bytes: 3000, new_bytes: 2000, stored_bytes: 1000 },
    packs: [{ name: "000001.pack", bytes: 900, sha256: hash("a") }],
    index: { name: "chunks.idx", bytes: 100, sha256: hash("b") },
    cipher: "none",
    key_slots: [],
    chunking: {
      file: { min: 262_144, average: 1_048_576, max: 4_194_304 },
      table: { min: 2048, average: 8192, max: 65_536 },
    },
  },
  contents: {
    sources: [
      {
        component: "mnesia",
        name: "app@db1",
        facts: { otp: "27", ratio: 0.5, nested: { b: [1, null], a: true } },
        entries: { bytes: 10, depth: 0, chunks: [hash("c")] },
        entry_count: 1,
        rows: 2,
        bytes: 3,
        grade: "transactional",
      },
    ],
    ledger: { bytes: 0, depth: 0, chunks: [] },
    ledger_lines: 0,
    grade: "transactional",
  },
};

export function sealedSampleWith(cipher: Cipher, slot: KeySlot): Manifest {
  return { ...plainSample, head: { ...plainSample.head, cipher, key_slots: [slot] } };
}

/** In place of randomness: 0, 1, 2 … */
export const counted = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, i) => i));

/** As @erlmcp/restore-point makes them. */
export function keysOf(secret: RunSecret, cipher: Cipher): ManifestKeys {
  const sealer = createDocumentSealer({ dataKey: secret.dataKey, cipher, random: counted });
  const at = { kind: "manifest", number: 0, offset: 0 } as const;
  return {
    seal: (plain) => Buffer.concat(sealer.seal(at, plain)),
    open(sealed) {
      const plain = sealer.open(at, sealed);
      if (plain === undefined) throw new BackupError("CORRUPT", "contents do not open");
      return plain;
    },
    mac: (document) => hmac(manifestMacKey(secret), document),
  };
}

/** For tests: a receipt of a run that went well. */
export const draft: ReceiptDraft = {
  service: "backup",
  command: ["full", "--only=ets"],
  timestamp: "2026-02-02T12:01:00.000Z",
  started_at: "2026-02-02T12:00:00.000Z",
  finished_at: "2026-02-02T12:01:00.000Z",
  exit_code: 0,
  error: null,
  git_sha: "0123456789abcdef0123456789abcdef01234567",
  image_digest: null,
  tool_version: "0.1.0",
  hostname: "db1",
  stdout_sha256: hash("e"),
  stderr_sha256: hash("f"),
  backup_id: "erlmcp_full_20260202_120000",
  backup_type: "full",
  backup_path: "erlmcp_full_20260202_120000",
  checksum_hash: hash("c"),
  base: null,
  retention_days: 30,
  cipher: "none",
  complete: true,
  sizes: { source_bytes: 30, new_bytes: 20, stored_bytes: 10 },
  components: { ets: { sources: 1, captured: 2, rows: 3, bytes: 4, grade: "point-in-time" } },
  ledger: { captured: 2, excluded: 0, ephemeral: 0, unreadable: 0, failed: 0, not_read: [], not_read_omitted: 0 },
  grades: { transactional: 0, "point-in-time": 2, "fuzzy-verified": 0, fuzzy: 0 },
  grade: "point-in-time",
  capture: { first_at: "2026-02-02T12:00:01.000Z", last_at: "2026-02-02T12:00:02.500Z", spread_seconds: 1.5 },
  remote: { state: "none", detail: "S3_BUCKET is not set" },
  notes: [],
  details: {},
};
