import type { Host } from "@erlmcp/host";
import type { JobContext, Progress, Settings } from "@erlmcp/job";
import type { RestorePoint } from "@erlmcp/restore-point";
import type { DrillCheck } from "./checks.ts";
import type { DrillIntent } from "./intent.ts";
import type { DrillPlan } from "./plan.ts";
import type { DrillRecord } from "./record.ts";

/** What the parts of one drill share. */
export interface Drilling {
  readonly context: JobContext;
  readonly settings: Settings;
  readonly host: Host;
  readonly intent: DrillIntent;
  readonly plan: DrillPlan;
  readonly point: RestorePoint;
  readonly checks: readonly DrillCheck[];
  readonly record: DrillRecord;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** The names by which a captured container can be meant in a network: its own, its service's, its host's. */
export function aliasesOf(
  place: { name: string; service: string | null; hostname: string | null },
  node?: string,
): string[] {
  const host = node?.split("@")[1];
  const names = [place.name, place.service, place.hostname, host].filter((name) => typeof name === "string");
  return [...new Set(names)].filter((name) => name !== "" && !/^[\d.]+$/.test(name));
}
