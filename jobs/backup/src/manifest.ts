import { basename } from "node:path";
import type { KeySlot } from "@erlmcp/crypto";
import type { ContentRef } from "@erlmcp/entry";
import { version } from "@erlmcp/host";
import type { BackupType, Chunking, Cipher, createLedgerSummary, Manifest } from "@erlmcp/manifest";
import type { PackResult } from "@erlmcp/pack";
import type { Capture } from "./collection.ts";

export type Summary = ReturnType<ReturnType<typeof createLedgerSummary>["result"]>;

export interface ManifestFacts {
  readonly id: string;
  readonly type: BackupType;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly host: string;
  readonly service: string; // the job that it was taken for
  readonly revision: string | null;
  readonly base: string | null;
  readonly slots: KeySlot[];
  readonly cipher: Cipher;
  readonly chunking: Chunking;
  readonly retentionDays: number;
  readonly packs: PackResult;
  readonly capture: Capture;
  readonly ledger: ContentRef;
  readonly summary: Summary;
}

/** The manifest of what was captured and stored. */
export function describeManifest(facts: ManifestFacts): Manifest {
  const { packs, capture, summary } = facts;
  return {
    head: {
      format: 1,
      id: facts.id,
      type: facts.type,
      started_at: facts.startedAt.toISOString(),
      finished_at: facts.finishedAt.toISOString(),
      host: facts.host,
      service: facts.service,
      tool: { version, revision: facts.revision },
      base: facts.base,
      depends_on: packs.dependsOn,
      complete: summary.complete,
      retention_days: facts.retentionDays,
      sizes: {
        source_bytes: capture.sources.reduce((sum, source) => sum + source.bytes, 0),
        new_bytes: packs.stats.newBytes,
        stored_bytes: packs.packs.reduce((sum, pack) => sum + pack.bytes, packs.index.bytes),
      },
      packs: packs.packs.map(({ name, bytes, sha256 }) => ({ name: basename(name), bytes, sha256 })),
      index: { name: "chunks.idx", bytes: packs.index.bytes, sha256: packs.index.sha256 },
      cipher: facts.cipher,
      key_slots: facts.slots,
      chunking: facts.chunking,
    },
    contents: {
      sources: [...capture.sources],
      ledger: facts.ledger,
      ledger_lines: capture.ledger.length,
      grade: summary.grade,
    },
  };
}
