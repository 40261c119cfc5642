import { formatListing, listingData, listRestorePoints } from "@erlmcp/catalog";
import { requireContainer } from "@erlmcp/docker";
import type { JobContext, JobOutcome, Settings } from "@erlmcp/job";
import { say } from "./answer.ts";
import { openLocal } from "./repository.ts";

/**
 * `--list`: the restore points in the repository. Needs neither an engine nor a key. Reads only, so it takes no lock: a
 * restore point appears all at once.
 */
export async function showList(
  context: JobContext,
  settings: Settings,
  { json, verbose }: { json: boolean; verbose: boolean },
): Promise<JobOutcome> {
  await requireContainer();
  const listed = await listRestorePoints((await openLocal(settings)).store);
  const now = context.now();
  if (json) return say(context, `${JSON.stringify(listingData(listed, now), undefined, 2)}\n`);
  return say(context, formatListing(listed, { now, all: verbose }));
}
