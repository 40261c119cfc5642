import type { ManifestHead } from "@erlmcp/manifest";

/** For tests: the public part of a manifest, with what a test is about changed. */
export function headOf(id: string, changes: Partial<ManifestHead> = {}): ManifestHead {
  const base = id.includes("incremental") ? "erlmcp_full_20260202_120000" : null;
  const type = id.includes("full") ? "full" : base === null ? "compliance" : "incremental";
  return {
    format: 1,
    id,
    type,
    started_at: "2026-02-02T12:00:00.000Z",
    finished_at: "2026-02-02T12:01:00.000Z",
    host: "db1",
    service: "backup",
    tool: { version: "0.1.0", revision: null },
    base,
    depends_on: base === null ? [] : [base],
    complete: true,
    retention_days: 30,
    sizes: { source_bytes: 3000, new_bytes: 2000, stored_bytes: 1000 },
    packs: [],
    index: { name: "chunks.idx", bytes: 100, sha256: "b".repeat(64) },
    cipher: "none",
    key_slots: [],
    chunking: {
      file: { min: 262_144, average: 1_048_576, max: 4_194_304 },
      table: { min: 2048, average: 8192, max: 65_536 },
    },
    ...changes,
  };
}
