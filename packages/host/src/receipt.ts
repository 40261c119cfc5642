import { insideContainer } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { openRepository } from "@erlmcp/fs";
import { readSettings, redact, type JobContext, type RunFacts } from "@erlmcp/job";
import { createReceipt, receiptName, serializeReceipt, type Receipt, type ReceiptDraft } from "@erlmcp/manifest";
import { flock } from "@erlmcp/posix";
import { openHost, readBuild, version, type Build, type Host } from "./host.ts";

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

/** What is known of every run. */
export function runPart(facts: RunFacts, build: Build, exitCode: number): RunPart {
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

/** An error as a receipt tells it. */
export function errorPart(error: unknown): NonNullable<Receipt["error"]> {
  if (error instanceof BackupError) {
    return { code: error.code, message: redact(error.message), hint: error.hint ?? null };
  }
  return { code: "FAILED", message: redact(error instanceof Error ? error.message : String(error)), hint: null };
}

/** The receipt of a run that made no restore point; a job adds what it has to tell. */
export function draftReceiptOf(context: JobContext, build: Build, exitCode: number): ReceiptDraft {
  return {
    ...runPart(context.facts(), build, exitCode),
    error: null,
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

/** The receipt of a run that failed, in the repository. Outside a container there is none to write to. */
export async function recordFailure(
  context: JobContext,
  error: unknown,
  exitCode: number,
): Promise<Uint8Array | undefined> {
  if (!(await insideContainer())) return undefined;
  const draft = draftReceiptOf(context, await knownBuild(context), exitCode);
  const receipt = createReceipt({ ...draft, error: errorPart(error) });
  const repository = await openRepository({ root: rootOf(context), flock });
  const bytes = serializeReceipt(receipt);
  await repository.writeReceipt(receiptName(receipt), bytes);
  return bytes;
}

function rootOf(context: JobContext): string {
  try {
    return readSettings(context.env).values.BACKUP_ROOT;
  } catch (error) {
    if (error instanceof BackupError) return readSettings({}).values.BACKUP_ROOT; // the configuration is what failed
    throw error;
  }
}

/** As much of it as can be known without an engine: it may be just that which failed, or not be needed. */
export async function knownBuild(context: JobContext): Promise<Build> {
  let host: Host | undefined;
  try {
    host = await openHost(context.env["DOCKER_HOST"]);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    context.log.debug({ reason: error.message }, "the receipt lacks the image's digest");
  }
  return readBuild(host?.self);
}
