import { formatListing, listRestorePoints } from "@erlmcp/catalog";
import { openLocal } from "@erlmcp/host";
import type { JobContext, JobOutcome, Settings } from "@erlmcp/job";
import type { Request } from "./cli.ts";

/** The restore points in the repository. Reads only, so it takes no lock: a restore point appears all at once. */
export async function showList(context: JobContext, settings: Settings, request: Request): Promise<JobOutcome> {
  const repository = await openLocal(settings);
  const listed = await listRestorePoints(repository.store);
  context.stdout.write(
    request.json ? `${JSON.stringify(listed, undefined, 2)}\n` : formatListing(listed, context.now()),
  );
  return { exitCode: 0 };
}
