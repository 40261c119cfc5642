import { runPart } from "@erlmcp/host";
import { redact } from "@erlmcp/job";
import type { Manifest, Receipt, ReceiptDraft } from "@erlmcp/manifest";
import type { Base } from "./base.ts";
import type { Capture } from "./collection.ts";
import type { Summary } from "./manifest.ts";
import type { LockedRun } from "./run.ts";

export interface Outcome {
  readonly exitCode: number;
  readonly manifest: Manifest;
  readonly summary: Summary;
  readonly capture: Capture;
  readonly base: Base;
  readonly vanished: readonly string[]; // notes
  readonly checksumHash: string;
}

/** The receipt of a run that made a restore point. */
export function draftReceipt(run: LockedRun, outcome: Outcome): ReceiptDraft {
  const { manifest, summary, capture, base, vanished } = outcome;
  const { head } = manifest;
  return {
    ...runPart(run.context.facts(), run.build, outcome.exitCode),
    error: outcome.exitCode === 0 ? null : incomplete(summary),
    backup_id: head.id,
    backup_type: head.type,
    backup_path: `${run.repository.root}/${head.id}`,
    checksum_hash: outcome.checksumHash,
    base: head.base,
    retention_days: head.retention_days,
    cipher: head.cipher,
    complete: head.complete,
    sizes: head.sizes,
    components: summary.components,
    ledger: summary.ledger,
    grades: summary.grades,
    grade: summary.grade,
    capture: capture.span === undefined ? null : spanOf(capture.span),
    remote: { state: "none", detail: remoteDetail(run) },
    notes: [...run.plan.notes, ...base.notes, ...vanished],
    details: {
      engine: { ...run.host.engine.facts },
      depends_on: head.depends_on,
      packs: head.packs.length,
      peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    },
  };
}

function incomplete({ ledger }: Summary): Receipt["error"] {
  const lost = ledger.unreadable + ledger.failed;
  const names = ledger.not_read
    .slice(0, 5)
    .map(({ component, name, reason }) => `${component} ${name}: ${reason ?? "?"}`);
  return {
    code: "INCOMPLETE",
    message: redact(`${lost} could not be read: ${names.join("; ")}${lost > names.length ? "; …" : ""}`),
    hint: "The rest is saved. See ledger.not_read, correct the cause and run it again.",
  };
}

function spanOf({ first, last }: { first: Date; last: Date }): Receipt["capture"] {
  return {
    first_at: first.toISOString(),
    last_at: last.toISOString(),
    spread_seconds: (last.getTime() - first.getTime()) / 1000,
  };
}

function remoteDetail({ settings, request }: LockedRun): string {
  if (settings.values.S3_BUCKET === undefined) return "local only: S3_BUCKET is not set";
  return request.upload ? "local only: UPLOAD_ENABLED is false" : "local only: --no-upload";
}
