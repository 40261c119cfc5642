import type { HeldContainer } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { accessTo, errorPart, openLocal, type Host } from "@erlmcp/host";
import { createProgress, type JobContext, type JobOutcome, type Settings } from "@erlmcp/job";
import { openRestorePoint, type Encryption } from "@erlmcp/restore-point";
import { bootApplication } from "./boot.ts";
import { readChecks } from "./checks.ts";
import type { Drilling } from "./drilling.ts";
import { drillNodes } from "./erlang.ts";
import { DrillIntent, intentVariable, type DrillResult } from "./intent.ts";
import { planDrill } from "./plan.ts";
import { drillServers } from "./postgres.ts";
import { DrillRecord } from "./record.ts";
import { drillTrees } from "./trees.ts";

export interface DrillWorker {
  readonly context: JobContext;
  readonly settings: Settings;
  readonly encryption: Encryption | undefined;
  readonly host: Host;
  readonly quiet: boolean;
}

/** In a sibling that has the throwaway volumes mounted: restores everything, and tells its launcher how that went. */
export async function drillWorker(worker: DrillWorker): Promise<JobOutcome> {
  const { context, settings, host } = worker;
  const intent = DrillIntent.parse(JSON.parse(context.env[intentVariable] ?? "null"));
  const record = new DrillRecord(context.monotonicMs);
  let error: DrillResult["error"] = null;
  try {
    const access = accessTo(await openLocal(settings), worker.encryption);
    const point = await openRestorePoint(access, intent.id);
    const progress = createProgress(context.stderr, context.log, {
      quiet: worker.quiet,
      monotonicMs: context.monotonicMs,
    });
    try {
      const plan = planDrill(point.manifest.contents.sources);
      const checks = await readChecks(settings.values);
      for (const source of point.manifest.contents.sources) progress.expect(source.bytes);
      const { signal } = context;
      await drill({ context, settings, host, intent, plan, point, checks, record, progress, signal });
    } finally {
      progress.stop();
      await point.close();
    }
  } catch (thrown) {
    context.signal.throwIfAborted();
    error = errorPart(thrown);
    if (!(thrown instanceof BackupError)) context.log.debug({ stack: String(thrown) }, "the drill failed");
  } finally {
    await host.engine.throwaways.removeAll(intent.label, "running"); // its volumes are in use as long as we are
  }
  context.log.info({ peak_memory_bytes: process.resourceUsage().maxRSS * 1024 }, "the drill has ended");
  const { findings, proven, checks, timings, notes } = record;
  const result: DrillResult = { findings, report: { proven, checks, timings, notes }, error };
  context.stdout.write(Buffer.from(JSON.stringify(result))); // bytes: a terminal gets text otherwise
  return { exitCode: 0 };
}

async function drill(drilling: Drilling): Promise<void> {
  const servers: HeldContainer[] = [];
  try {
    await drillTrees(drilling);
    const files = await drillNodes(drilling);
    await drillServers(drilling, servers);
    requireEverySource(drilling);
    await noteWhatIsMissing(drilling);
    if (drilling.intent.boot && drilling.record.findings.length === 0) await bootApplication(drilling, files);
    else if (drilling.intent.boot)
      drilling.record.notes.push("the application was not started: what it needs is not right");
  } finally {
    for (const container of servers) await container.end();
  }
}

/** What nobody looked at must not pass for proven. */
function requireEverySource({ point, record }: Drilling): void {
  for (const { component, name } of point.manifest.contents.sources) {
    const isAbout = (one: { component: string | null; source: string | null }): boolean =>
      one.component === component && one.source === name;
    if (record.proven.some(isAbout) || record.findings.some(isAbout)) continue;
    record.wrong({ component, source: name }, "nothing of it was restored");
  }
}

/** A drill proves what a restore point holds; what could not be captured is told beside it. */
async function noteWhatIsMissing({ point, record }: Drilling): Promise<void> {
  const missing: string[] = [];
  for await (const { component, source, name, verdict } of point.ledger()) {
    if (verdict === "failed" || verdict === "unreadable") missing.push(`${component} ${source} ${name}`);
  }
  const [first] = missing;
  if (first === undefined) return;
  record.notes.push(`${missing.length} things were not captured and cannot come back, the first of them ${first}`);
}
