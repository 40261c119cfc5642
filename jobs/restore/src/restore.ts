import { requireContainer } from "@erlmcp/docker";
import {
  openEncryption,
  openHost,
  readBuild,
  say,
  showConfig,
  showList,
  stopWithLauncher,
  version,
  workerVariable,
} from "@erlmcp/host";
import { readSettings, type JobContext, type JobOutcome } from "@erlmcp/job";
import { parseCommandLine } from "./cli.ts";
import { launch } from "./launch.ts";
import type { Run } from "./run.ts";
import { unpackTo } from "./unpack-to.ts";
import { work } from "./work.ts";

/** The restore job. */
export async function restore(context: JobContext): Promise<JobOutcome> {
  const request = parseCommandLine(context.argv, { version, now: context.now() });
  if (request.action === "answer") return say(context, request.text);
  const settings = readSettings(context.env);
  if (request.action === "show-config") return showConfig(context, settings, request);
  if (request.action === "list") return showList(context, settings, request);
  const encryption = await openEncryption(settings.values.ENCRYPT_KEY_FILE, settings.values.ENCRYPT_CIPHER);
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
