import { requireContainer } from "@erlmcp/docker";
import {
  knownBuild,
  openEncryption,
  openHost,
  openLocal,
  readBuild,
  say,
  showConfig,
  stopWithLauncher,
  version,
  workerVariable,
} from "@erlmcp/host";
import { readSettings, type JobContext, type JobOutcome } from "@erlmcp/job";
import { parseCommandLine } from "./cli.ts";
import { readChecks } from "./drill/checks.ts";
import { drillWorker } from "./drill/worker.ts";
import { work } from "./work.ts";

/** The verify job. It reads, under the shared lock; it writes its report, its receipt and a line of the catalog. */
export async function verify(context: JobContext): Promise<JobOutcome> {
  const request = parseCommandLine(context.argv, version);
  if (request.action === "answer") return say(context, request.text);
  const settings = readSettings(context.env);
  if (request.action === "show-config") return showConfig(context, settings, request);
  await readChecks(settings.values); // what is wrong with them is told at once, and whatever else is asked for
  await requireContainer();
  const encryption = await openEncryption(settings.values.ENCRYPT_KEY_FILE, settings.values.ENCRYPT_CIPHER);
  if (request.mode !== "test-restore") {
    const repository = await openLocal(settings);
    return work({
      context,
      request,
      settings,
      encryption,
      repository,
      build: await knownBuild(context),
      host: undefined,
    });
  }
  const host = await openHost(context.env["DOCKER_HOST"]);
  if (workerVariable in context.env) {
    stopWithLauncher(context);
    return drillWorker({ context, settings, encryption, host, quiet: request.quiet });
  }
  const repository = await openLocal(settings);
  return work({ context, request, settings, encryption, repository, build: await readBuild(host.self), host });
}
