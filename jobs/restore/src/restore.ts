import { requireContainer } from "@erlmcp/docker";
import { formatListing, listRestorePoints } from "@erlmcp/catalog";
import {
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
import { readSettings, type JobContext, type JobOutcome, type Settings } from "@erlmcp/job";
import { parseCommandLine, type Request } from "./cli.ts";
import { launch } from "./launch.ts";
import type { Run } from "./run.ts";
import { unpackTo } from "./unpack-to.ts";
import { work } from "./work.ts";

/** The restore job. */
export async function restore(context: JobContext): Promise<JobOutcome> {
  const request = parseCommandLine(context.argv, version);
  if (request.action === "answer") return say(context, request.text);
  const settings = readSettings(context.env);
  if (request.action === "show-config") return showConfig(context, settings, request);
  const encryption = await openEncryption(settings.values.ENCRYPT_KEY_FILE, settings.values.ENCRYPT_CIPHER);
  if (request.action === "list") return showList(context, settings, request);
  if (request.to !== undefined) {
    await requireContainer();
    return unpackTo({ context, request, settings, encryption, target: request.to });
  }
  const host = await openHost(context.env["DOCKER_HOST"]);
  const run: Run = { context, request, settings, encryption, host, build: await readBuild(host.self) };
  if (!(workerVariable in context.env)) return launch(run);
  stopWithLauncher(context);
  return work(run);
}

/** The restore points in the repository. Reads only, so it takes no lock: a restore point appears all at once. */
async function showList(context: JobContext, settings: Settings, request: Request): Promise<JobOutcome> {
  await requireContainer();
  const listed = await listRestorePoints((await openLocal(settings)).store);
  return say(
    context,
    request.json ? `${JSON.stringify(listed, undefined, 2)}\n` : formatListing(listed, context.now()),
  );
}
