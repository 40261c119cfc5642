import { insideContainer } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { openRepository } from "@erlmcp/fs";
import { readSettings, showSettings, type JobContext, type JobOutcome, type Settings } from "@erlmcp/job";
import { createReceipt, receiptName, serializeReceipt } from "@erlmcp/manifest";
import { flock } from "@erlmcp/posix";
import { parseCommandLine, type Request } from "./cli.ts";
import { showPlan } from "./dry-run.ts";
import { openEncryption } from "./encryption.ts";
import { openHost, readBuild, version, type Build, type Host } from "./host.ts";
import { runInSibling, workerVariable } from "./launch.ts";
import { showList } from "./list.ts";
import { missingMounts, planBackup } from "./plan.ts";
import { draftFailure } from "./receipt.ts";
import type { Run } from "./run.ts";
import { makeRestorePoint } from "./work.ts";

/**
 * The backup job. What it is about to do is known, and refused if it can't be done, before anything is touched; then a
 * sibling that has the volumes mounted does it, or this process where there are none.
 */
export async function backup(context: JobContext): Promise<JobOutcome> {
  const request = parseCommandLine(context.argv, version);
  if (request.action === "answer") return say(context, request.text);
  const settings = readSettings(context.env);
  if (request.action === "show-config") return showConfig(context, settings, request);
  refuseUpload(settings, request);
  const host = await openHost(context.env["DOCKER_HOST"]);
  const encryption = await openEncryption(settings.values.ENCRYPT_KEY_FILE, settings.values.ENCRYPT_CIPHER);
  if (request.action === "list") return showList(context, settings, request);
  const plan = await planBackup(host, settings, request);
  for (const note of plan.notes) context.log.warn(note);
  const run: Run = { context, request, settings, host, encryption, plan, build: await readBuild(host.self) };
  if (workerVariable in context.env) stopWithLauncher(context);
  else if (missingMounts(plan).length > 0) return runInSibling(context, host, { plan, settings });
  return request.dryRun ? showPlan(run) : makeRestorePoint(run);
}

/** The receipt of a run that failed, in the repository. Outside a container there is none to write to. */
export async function recordFailure(context: JobContext, error: unknown, exitCode: number): Promise<void> {
  if (!(await insideContainer())) return;
  const receipt = createReceipt(draftFailure(context, await knownBuild(context), { error, exitCode }));
  const repository = await openRepository({ root: rootOf(context), flock });
  await repository.writeReceipt(receiptName(receipt), serializeReceipt(receipt));
}

function rootOf(context: JobContext): string {
  try {
    return readSettings(context.env).values.BACKUP_ROOT;
  } catch (error) {
    if (error instanceof BackupError) return readSettings({}).values.BACKUP_ROOT; // the configuration is what failed
    throw error;
  }
}

/** As much of it as can be known: the failure may be just that the engine isn't there. */
async function knownBuild(context: JobContext): Promise<Build> {
  let host: Host | undefined;
  try {
    host = await openHost(context.env["DOCKER_HOST"]);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    context.log.debug({ reason: error.message }, "the receipt lacks the image's digest");
  }
  return readBuild(host?.self);
}

/** A worker lives no longer than its launcher, who holds its input open. */
function stopWithLauncher(context: JobContext): void {
  process.stdin.on("end", () => context.terminate("its launcher is gone"));
  process.stdin.on("error", () => context.terminate("its launcher is gone"));
  process.stdin.resume();
  process.stdin.unref();
}

/** Better no backup than one that an operator believes to be somewhere else. */
function refuseUpload(settings: Settings, request: Request): void {
  if (settings.values.S3_BUCKET === undefined || !settings.values.UPLOAD_ENABLED || !request.upload) return;
  throw new BackupError("CONFIG_INVALID", "S3_BUCKET is set, and this version of the backup job cannot upload", {
    hint: "Unset S3_BUCKET, or pass --no-upload to keep the restore point local.",
  });
}

function say(context: JobContext, text: string): JobOutcome {
  context.stdout.write(text);
  return { exitCode: 0 };
}

function showConfig(context: JobContext, settings: Settings, request: Request): JobOutcome {
  const shown = showSettings(settings);
  if (request.json) return say(context, `${JSON.stringify(shown, undefined, 2)}\n`);
  const width = Math.max(...shown.map(({ name }) => name.length));
  return say(
    context,
    shown.map(({ name, value, origin }) => `${name.padEnd(width)}  ${value}  (${origin})\n`).join(""),
  );
}
