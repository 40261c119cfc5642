import type { Problem } from "./plan.ts";
import type { Run } from "./run.ts";
import { statusOf } from "./services.ts";

/** Whether HEALTH_URL can be reached from here at all: where it cannot, the restore would be put back at its end. */
export async function askHealthUrl({ context, settings }: Pick<Run, "context" | "settings">): Promise<Problem[]> {
  const url = settings.values.HEALTH_URL;
  if (url === undefined) return [];
  const answer = await statusOf(url, context.signal);
  if (typeof answer === "number") return [];
  const { hostname } = new URL(url);
  const own = hostname === "localhost" || hostname.startsWith("127.") || hostname === "[::1]";
  return [
    {
      severity: own ? "refuse" : "warn",
      code: "CONFIG_INVALID",
      message: `HEALTH_URL ${own ? "names the restore job's own container" : "does not answer now"}: ${answer}`,
      hint: "Name a host that the restore job's container can reach; unless it answers after the restore, that is put back.",
    },
  ];
}
