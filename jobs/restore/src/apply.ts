import type { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { awaitHealth } from "@erlmcp/host";
import type { Progress } from "@erlmcp/job";
import type { RestorePoint } from "@erlmcp/restore-point";
import type { Compared } from "./compare.ts";
import { putConfig } from "./put-config.ts";
import { putDets, putMnesia } from "./put-erlang.ts";
import { putMnesiaTables } from "./put-mnesia-tables.ts";
import { putDatabases, type StagedServers } from "./put-postgres.ts";
import { putEts } from "./put-ets.ts";
import { putVolume } from "./put-volume.ts";
import type { Placed } from "./plan.ts";
import { awaitUrl, startServices, stopServices } from "./services.ts";
import type { Working } from "./work.ts";

/** A restore point with the places that its parts go to. */
export interface Applying extends Working {
  readonly point: RestorePoint;
  readonly placed: readonly Placed[]; // in the order in which they are done
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly undoing?: boolean | undefined; // what is not in the restore point goes, wherever the restore may have put it
}

/** With what is known once databases are restored beside the old ones. */
export type Putting = Applying & { readonly staged: StagedServers };

/** What became of one part; the counts are those of its kind. */
export interface Applied {
  readonly component: Component;
  readonly source: string;
  readonly targets: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
  readonly lost?: readonly string[] | undefined; // what was to be restored and could not be
  readonly compared?: Compared | undefined; // with the restore point, when it had been put in its place
}

/**
 * Does the whole of it once databases are staged: stop, put everything in its place, start, wait until all is well. Done again it
 * comes to the same.
 */
export async function apply(run: Applying, staged: StagedServers): Promise<readonly Applied[]> {
  const { host, intent } = run;
  const { engine } = host;
  const applied: Applied[] = [];
  const putting: Putting = { ...run, staged };
  say(run, "stopping services");
  await stopServices(engine, intent.stopped);
  const [before, after] = [run.placed.filter((one) => !needsNode(one)), run.placed.filter(needsNode)];
  await applyAll(putting, before, applied);
  say(run, "starting services");
  await startServices(engine, intent.stopped);
  say(run, "waiting for health");
  await awaitWell(run);
  await applyAll(putting, after, applied);
  return applied;
}

/** How long what was put back is waited for: it may have been unwell before, and that is no reason to give up on it. */
const undoneUrlLimitMs = 30_000;

/** @throws BackupError FAILED when something is not well, unless what was there before is put back: that is as it was */
async function awaitWell(run: Applying): Promise<void> {
  const { host, intent, signal, context, undoing = false } = run;
  const { HEALTH_URL: url, HEALTH_TIMEOUT: seconds } = run.settings.values;
  const patience = { limitMs: seconds * 1000, signal, monotonicMs: context.monotonicMs };
  try {
    await awaitHealth(host.engine, intent.stopped, patience);
    const limitMs = undoing ? Math.min(patience.limitMs, undoneUrlLimitMs) : patience.limitMs;
    if (url !== undefined) await awaitUrl(url, { ...patience, limitMs });
  } catch (error) {
    if (!undoing || !(error instanceof BackupError)) throw error;
    context.log.warn({ hint: error.hint }, `put back, but ${error.message}`);
  }
}

/** A step of its own: where a restore that was cut off has been is in its log. */
export function say({ progress, context }: Applying, step: string): void {
  progress.step(step);
  context.log.info(step);
}

/** ETS tables exist only while their application runs; single Mnesia tables are put into running nodes. */
function needsNode({ part: { source, tables } }: Placed): boolean {
  return source.component === "ets" || (source.component === "mnesia" && tables !== undefined);
}

async function applyAll(run: Putting, placed: readonly Placed[], applied: Applied[]): Promise<void> {
  for (const one of placed) {
    run.signal.throwIfAborted();
    const { component, name } = one.part.source;
    run.progress.step(`${component} ${name}`);
    run.context.log.info({ component, source: name }, "restoring");
    applied.push(await applyPart(run, one));
  }
}

function applyPart(run: Putting, placed: Placed): Promise<Applied> {
  if (placed.target.kind === "volume") return putVolume(run, placed, placed.target.volume.name);
  const { component } = placed.part.source;
  if (component === "mnesia") return needsNode(placed) ? putMnesiaTables(run, placed) : putMnesia(run, placed);
  if (component === "postgres") return putDatabases(run, placed);
  if (component === "ets") return putEts(run, placed);
  if (component === "dets") return putDets(run, placed);
  return putConfig(run, placed, placed.target.containers);
}
