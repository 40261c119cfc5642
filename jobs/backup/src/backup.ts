import { undoQuiesce } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import {
  openEncryption,
  openHost,
  readBuild,
  runInSibling,
  say,
  showConfig,
  showList,
  stopWithLauncher,
  version,
  workerVariable,
  type Host,
} from "@erlmcp/host";
import { readSettings, type JobContext, type JobOutcome, type Settings } from "@erlmcp/job";
import { parseCommandLine, type Request } from "./cli.ts";
import { showPlan } from "./dry-run.ts";
import { missingMounts, planBackup } from "./plan.ts";
import { createQuiesceRecord } from "./quiesce-record.ts";
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
  if (request.action === "list") return showList(context, settings, request);
  refuseUpload(settings, request);
  const host = await openHost(context.env["DOCKER_HOST"]);
  const encryption = await openEncryption(settings.values.ENCRYPT_KEY_FILE, settings.values.ENCRYPT_CIPHER);
  const plan = await planBackup(host, settings, request);
  for (const note of plan.notes) context.log.warn(note);
  const run: Run = { context, request, settings, host, encryption, plan, build: await readBuild(host.self) };
  const missing = missingMounts(plan);
  if (workerVariable in context.env) stopWithLauncher(context);
  else if (missing.length > 0) {
    return runInSibling(context, host, {
      service: "backup",
      mounts: missing.map(({ name, target }) => ({ volume: name, target, readOnly: true })),
      afterKill: () => resumeServices(host, settings.values.BACKUP_ROOT),
    });
  }
  return request.dryRun ? showPlan(run) : makeRestorePoint(run);
}

/** What a killed worker had paused or stopped runs again, now and not only with the next run. */
async function resumeServices(host: Host, root: string): Promise<void> {
  const record = createQuiesceRecord(root);
  const intent = await record.read();
  if (intent === undefined) return;
  await undoQuiesce(host.engine, intent);
  await record.clear();
}

/** Better no backup than one that an operator believes to be somewhere else. */
function refuseUpload(settings: Settings, request: Request): void {
  if (settings.values.S3_BUCKET === undefined || !settings.values.UPLOAD_ENABLED || !request.upload) return;
  throw new BackupError("CONFIG_INVALID", "S3_BUCKET is set, and this version of the backup job cannot upload", {
    hint: "Unset S3_BUCKET, or pass --no-upload to keep the restore point local.",
  });
}
