import { BackupError } from "@erlmcp/errors";
import { redact, type JobContext, type RunFacts } from "@erlmcp/job";
import type { Manifest, Receipt, ReceiptDraft } from "@erlmcp/manifest";
import { version, type Build } from "./host.ts";
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
  readonly checksumHash: string;
}

/** The receipt of a run that made a restore point. */
export function draftReceipt(run: LockedRun, outcome: Outcome): ReceiptDraft {
  const { manifest, summary, capture, base } = outcome;
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
    notes: [...run.plan.notes, ...base.notes],
    details: {
      engine: { ...run.host.engine.facts },
      depends_on: head.depends_on,
      packs: head.packs.length,
      peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    },
  };
}

/** The receipt of a run that ended with an error and made none. */
export function draftFailure(
  context: JobContext,
  build: Build,
  failure: { error: unknown; exitCode: number },
): ReceiptDraft {
  return {
    ...runPart(context.facts(), build, failure.exitCode),
    error: errorPart(failure.error),
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
}

type RunPart = Pick<
  ReceiptDraft,
  | "service"
  | "command"
  | "timestamp"
  | "started_at"
  | "finished_at"
  | "exit_code"
  | "git_sha"
  | "image_digest"
  | "tool_version"
  | "hostname"
  | "stdout_sha256"
  | "stderr_sha256"
>;

function runPart(facts: RunFacts, build: Build, exitCode: number): RunPart {
  const now = facts.now.toISOString();
  return {
    service: facts.service,
    command: facts.command.slice(1).map(redact),
    timestamp: now,
    started_at: facts.startedAt.toISOString(),
    finished_at: now,
    exit_code: exitCode,
    git_sha: build.revision,
    image_digest: build.digest,
    tool_version: version,
    hostname: facts.hostname,
    stdout_sha256: facts.stdoutSha256,
    stderr_sha256: facts.stderrSha256,
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

function errorPart(error: unknown): Receipt["error"] {
  if (error instanceof BackupError) {
    return { code: error.code, message: redact(error.message), hint: error.hint ?? null };
  }
  return { code: "FAILED", message: redact(error instanceof Error ? error.message : String(error)), hint: null };
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
