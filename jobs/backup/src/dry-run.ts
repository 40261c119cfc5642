import type { JobOutcome } from "@erlmcp/job";
import { componentsOf } from "./capture.ts";
import type { Run } from "./run.ts";

/** Shows what would be taken, with sizes, and changes nothing. */
export async function showPlan({ plan, context, request }: Run): Promise<JobOutcome> {
  const rows = plan.sources.map((source) => ({
    components: componentsOf(source),
    name: source.name,
    reason: source.reason,
    unavailable: source.unavailable ?? null,
  }));
  if (request.json)
    context.stdout.write(`${JSON.stringify({ sources: rows, excluded: plan.excluded }, undefined, 2)}\n`);
  else for (const row of rows) context.stdout.write(`${row.components.join(",")}  ${row.name}  (${row.reason})\n`);
  return { exitCode: 0 };
}
