import { BackupError, exitStatus, type Code } from "@erlmcp/errors";
import { createProgress, type Progress } from "@erlmcp/job";
import {
  finding,
  findingLimit,
  restoreSeconds,
  type DrillReport,
  type DrillTiming,
  type Verdict,
  type Verification,
} from "@erlmcp/verify";
import { DrillRecord } from "./record.ts";
import { drillRestorePoint, type DrillLaunch } from "./launch.ts";
import type { DrillResult } from "./intent.ts";

const whole = { component: null, source: null };

/** Verifies a restore point as `--full` does, then has it restored, and times both: reading, opening, loading. */
export async function drillPoint(
  launch: DrillLaunch & {
    readonly quiet: boolean;
    readonly open: (mode: "quick" | "full", shown: Progress) => Verification;
  },
  id: string,
): Promise<{ verdict: Verdict; drill: DrillReport }> {
  const record = new DrillRecord(launch.context.monotonicMs);
  const { context, quiet } = launch;
  const timed = async (stage: "fetch" | "open", mode: "quick" | "full"): Promise<Verdict> => {
    const progress = createProgress(context.stderr, context.log, { quiet, monotonicMs: context.monotonicMs });
    const verification = launch.open(mode, progress); // of its own: what another restore point shares with it counts here too
    try {
      return await record.time(stage, whole, () => verification.verify(id));
    } finally {
      await verification.close();
      progress.stop();
    }
  };
  await timed("fetch", "quick");
  const verdict = await timed("open", "full");
  if (verdict.findings.length > 0) return { verdict, drill: notDrilled(launch, record.timings) };
  const { images, result } = await drillRestorePoint(launch, id);
  if (result.error !== null) throw errorOf(result.error);
  const findings = result.findings.map(({ what, ...place }) => finding(id, place, what));
  const timings = [...record.timings, ...result.report.timings];
  const drill: DrillReport = {
    drilled: true,
    boot: launch.boot,
    images: [...images],
    ...result.report,
    timings,
    measured_rto_seconds: findings.length > 0 ? null : restoreSeconds(timings),
    sample: "all",
  };
  const omitted = Math.max(0, findings.length - findingLimit);
  return { verdict: { ...verdict, findings: findings.slice(0, findingLimit), omitted }, drill };
}

function notDrilled({ boot }: DrillLaunch, timings: readonly DrillTiming[]): DrillReport {
  return {
    drilled: false,
    boot,
    images: [],
    proven: [],
    checks: [],
    timings: [...timings],
    measured_rto_seconds: null,
    sample: "all",
    notes: ["it was not restored: it is damaged"],
  };
}

function errorOf({ code, message, hint }: NonNullable<DrillResult["error"]>): BackupError {
  return new BackupError(isCode(code) ? code : "FAILED", message, hint === null ? {} : { hint });
}

function isCode(code: string): code is Code {
  return code in exitStatus;
}
