import { requireContainer } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { knownBuild, openEncryption, openLocal, say, showConfig, version } from "@erlmcp/host";
import { readSettings, type JobContext, type JobOutcome } from "@erlmcp/job";
import { parseCommandLine } from "./cli.ts";
import { work } from "./work.ts";

/** The verify job. It reads, under the shared lock; it writes its report, its receipt and a line of the catalog. */
export async function verify(context: JobContext): Promise<JobOutcome> {
  const request = parseCommandLine(context.argv, version);
  if (request.action === "answer") return say(context, request.text);
  const settings = readSettings(context.env);
  if (request.action === "show-config") return showConfig(context, settings, request);
  if ((context.env["DRILL_CHECKS"] ?? "") !== "") {
    throw new BackupError("CONFIG_INVALID", "DRILL_CHECKS is set, and this version of verify has no drill", {
      hint: "Unset it.",
    });
  }
  await requireContainer();
  const encryption = await openEncryption(settings.values.ENCRYPT_KEY_FILE, settings.values.ENCRYPT_CIPHER);
  const repository = await openLocal(settings);
  return work({ context, request, encryption, repository, build: await knownBuild(context) });
}
