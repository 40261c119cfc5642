import { availableParallelism } from "node:os";
import { formatBytes, formatCatalogLine, listRestorePoints, type CatalogLine } from "@erlmcp/catalog";
import { BackupError, statusOf, type Code } from "@erlmcp/errors";
import type { Repository, RepositoryLock } from "@erlmcp/fs";
import { accessTo, draftReceiptOf, errorPart, lockFor, type Build, type Host } from "@erlmcp/host";
import { createProgress, type JobContext, type JobOutcome, type Progress, type Settings } from "@erlmcp/job";
import { createReceipt, receiptName, serializeReceipt, type Receipt } from "@erlmcp/manifest";
import type { Encryption } from "@erlmcp/restore-point";
import {
  createReport,
  createVerification,
  formatReport,
  serializeReport,
  type Verdict,
  type Verification,
  type Verified,
  type VerifyReport,
} from "@erlmcp/verify";
import { choosePoints } from "./choose.ts";
import type { Request } from "./cli.ts";
import { drillPoint } from "./drill/drill-point.ts";

export interface Run {
  readonly context: JobContext;
  readonly request: Request;
  readonly settings: Settings;
  readonly encryption: Encryption | undefined;
  readonly repository: Repository;
  readonly build: Build;
  readonly host: Host | undefined; // for a drill
}

/** Packs are read whole, some 34 MiB for each thread: more of them would cost more memory than they save time. */
const mostThreads = 8;

/** Verifies what was asked for, from lock to receipt. */
export async function work(run: Run): Promise<JobOutcome> {
  const { context, request, encryption, repository } = run;
  const lock = lockFor(context, undefined, { repository, kind: "shared" });
  const progress = createProgress(context.stderr, context.log, {
    quiet: request.quiet,
    monotonicMs: context.monotonicMs,
  });
  const open = (mode: "quick" | "full", shown: Progress): Verification =>
    createVerification({
      access: accessTo(repository, encryption),
      mode,
      signal: context.signal,
      progress: shown,
      threads: Math.min(availableParallelism(), mostThreads),
      worker: new URL("./worker.mjs", import.meta.url),
    });
  const verification = open(request.mode === "quick" ? "quick" : "full", progress);
  const { host } = run;
  if (host !== undefined) progress.stop(); // a drill tells of itself
  const verify = async (id: string): Promise<Verified> =>
    host === undefined
      ? { verdict: await verification.verify(id) }
      : drillPoint({ ...run, host, boot: request.boot, quiet: request.quiet, open }, id);
  try {
    const found = await listRestorePoints(repository.store);
    const ids = choosePoints(found, request.point);
    const verified: Verified[] = [];
    for (const id of ids) {
      const one = await verifyOne(verify, { id, alone: ids.length === 1 });
      verified.push(one);
      const line = found.points.find(({ backup_id }) => backup_id === id);
      if ("verdict" in one && line !== undefined) await remember(run, lock, { line, verified: one });
    }
    progress.stop();
    return await conclude(run, verified);
  } finally {
    progress.stop();
    await verification.close();
    lock.release();
  }
}

/** Of many, one that another key opens or another version wrote doesn't keep the others from being verified. */
async function verifyOne(
  verify: (id: string) => Promise<Verified>,
  { id, alone }: { id: string; alone: boolean },
): Promise<Verified> {
  try {
    return await verify(id);
  } catch (error) {
    if (alone || !(error instanceof BackupError) || !ofThisPoint.has(error.code)) throw error;
    return { id, error: errorPart(error) };
  }
}

const ofThisPoint = new Map<string, Code>(
  (["KEY_MISSING", "KEY_WRONG", "FORMAT_UNKNOWN", "NOT_FOUND"] as const).map((code) => [code, code]),
);

/** The catalog tells when a restore point was verified last. */
async function remember(
  { context, request, repository }: Run,
  lock: RepositoryLock,
  { line, verified: { verdict, drill } }: { line: CatalogLine; verified: Extract<Verified, { verdict: Verdict }> },
): Promise<void> {
  const at = context.now().toISOString();
  const drilled = drill?.drilled
    ? { at, rto_seconds: drill.measured_rto_seconds, boot: drill.boot }
    : line.verified?.drill;
  const verified = {
    at,
    mode: request.mode === "quick" ? ("quick" as const) : ("full" as const), // a drill verifies in full first
    findings: verdict.findings.length + verdict.omitted,
    ...(drilled && { drill: drilled }), // what the last drill measured stays, whatever verifies it next
  };
  await repository.appendCatalog(lock, formatCatalogLine({ ...line, verified }));
}

async function conclude(run: Run, verified: readonly Verified[]): Promise<JobOutcome> {
  const { context, request, repository } = run;
  const report = createReport({
    asked: request.point,
    mode: request.mode,
    startedAt: context.facts().startedAt,
    finishedAt: context.now(),
    verified,
  });
  const text = formatReport(report, formatBytes);
  const name = `${report.finished_at.replaceAll(/[-:]|\.\d+/g, "")}_verify_${request.mode}_${request.point}`;
  const path = await repository.writeReport(`${name}.json`, serializeReport(report));
  await repository.writeReport(`${name}.txt`, Buffer.from(text));
  const error = failureOf(report, path);
  if (request.json) context.stdout.write(serializeReport(report));
  else if (!request.quiet) context.stdout.write(text);
  if (error !== undefined) context.log.error({ code: error.code, hint: error.hint }, error.message);
  const exitCode = error === undefined ? 0 : statusOf(error);
  await writeReceipt(run, { report, path, exitCode, error: error === undefined ? null : errorPart(error) });
  return { exitCode };
}

/** What the run comes to: damage counts for more than what could not be verified. */
function failureOf({ restore_points }: VerifyReport, path: string): BackupError | undefined {
  const damaged = restore_points.filter(({ result }) => result === "damaged");
  if (damaged.length > 0) {
    const count = damaged.reduce((sum, point) => sum + point.findings.length + point.findings_omitted, 0);
    const ids = damaged.map(({ backup_id }) => backup_id);
    const named = ids.length > 3 ? `${ids.slice(0, 3).join(", ")} and ${ids.length - 3} more` : ids.join(", ");
    return new BackupError("CORRUPT", `${named}: ${count} ${count === 1 ? "thing is" : "things are"} wrong`, {
      hint: damaged.some(({ drill }) => drill?.drilled)
        ? `See ${path}: a restore would not bring all of it back. Make a new full backup, and drill that.`
        : `See ${path}; take what is damaged from a replica, or make a new full backup.`,
    });
  }
  for (const { backup_id, error } of restore_points) {
    if (error === null) continue;
    const code = ofThisPoint.get(error.code) ?? "FORMAT_UNKNOWN";
    const message = `${backup_id} could not be verified: ${error.message}`;
    return new BackupError(code, message, { hint: error.hint ?? `See ${path}.` });
  }
  return undefined;
}

interface Told {
  readonly report: VerifyReport;
  readonly path: string;
  readonly exitCode: number;
  readonly error: Receipt["error"];
}

async function writeReceipt({ context, build, repository }: Run, { report, path, exitCode, error }: Told) {
  const [only, ...others] = report.restore_points;
  const id = only !== undefined && others.length === 0 ? only.backup_id : null;
  const receipt = createReceipt({
    ...draftReceiptOf(context, build, exitCode),
    error,
    backup_id: id,
    backup_path: id === null ? null : `${repository.root}/${id}`,
    details: {
      mode: report.mode,
      report: path,
      proven: report.proven,
      restore_points: report.restore_points.map(({ backup_id, result, findings, findings_omitted, drill }) => ({
        backup_id,
        result,
        findings: findings.length + findings_omitted,
        ...(drill && { drilled: drill.drilled, boot: drill.boot, measured_rto_seconds: drill.measured_rto_seconds }),
      })),
      peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
    },
  });
  await repository.writeReceipt(receiptName(receipt), serializeReceipt(receipt));
}
