import type { Component } from "@erlmcp/entry";
import type { Progress } from "@erlmcp/job";
import type { RestorePoint } from "@erlmcp/restore-point";
import { unpackTree } from "@erlmcp/volumes";
import type { Compared } from "./compare.ts";
import { putConfig } from "./put-config.ts";
import { putDets, putMnesia } from "./put-erlang.ts";
import { putDatabases, stageDatabases } from "./put-postgres.ts";
import { putEts } from "./put-ets.ts";
import type { Placed } from "./plan.ts";
import { awaitHealth, awaitUrl, startServices, stopServices } from "./services.ts";
import { targetFolder } from "./targets.ts";
import type { Working } from "./work.ts";

/** A restore point with the places that its parts go to. */
export interface Applying extends Working {
  readonly point: RestorePoint;
  readonly placed: readonly Placed[]; // in the order in which they are done
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

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

/** Does the whole of it: stop, put everything in its place, start, wait until all is well. Done again it comes to the same. */
export async function apply(run: Applying): Promise<readonly Applied[]> {
  const { host, intent, signal, progress, context } = run;
  const { engine } = host;
  const applied: Applied[] = [];
  for (const { part } of run.placed) progress.expect(part.source.bytes);
  await stageDatabases(run); // beside the old ones, while all goes on
  progress.step("stopping services");
  await stopServices(engine, intent.stopped);
  const [before, after] = [run.placed.filter((one) => !needsNode(one)), run.placed.filter(needsNode)];
  await applyAll(run, before, applied);
  progress.step("starting services");
  await startServices(engine, intent.stopped);
  progress.step("waiting for health");
  const waiting = { signal, monotonicMs: context.monotonicMs };
  await awaitHealth(engine, intent.stopped, waiting);
  const url = run.settings.values.HEALTH_URL;
  if (url !== undefined) await awaitUrl(url, waiting);
  await applyAll(run, after, applied);
  return applied;
}

/** ETS tables exist only while their application runs. */
function needsNode({ part }: Placed): boolean {
  return part.source.component === "ets";
}

async function applyAll(run: Applying, placed: readonly Placed[], applied: Applied[]): Promise<void> {
  for (const one of placed) {
    run.signal.throwIfAborted();
    const { component, name } = one.part.source;
    run.progress.step(`${component} ${name}`);
    run.context.log.info({ component, source: name }, "restoring");
    applied.push(await applyPart(run, one));
  }
}

function applyPart(run: Applying, placed: Placed): Promise<Applied> {
  if (placed.target.kind === "volume") return putVolume(run, placed, placed.target.volume.name);
  const { component } = placed.part.source;
  if (component === "mnesia") return putMnesia(run, placed);
  if (component === "postgres") return putDatabases(run, placed);
  if (component === "ets") return putEts(run, placed);
  if (component === "dets") return putDets(run, placed);
  return putConfig(run, placed, placed.target.containers);
}

async function putVolume(run: Applying, { part }: Placed, volume: string): Promise<Applied> {
  const { source, paths } = part;
  const counts = await unpackTree({
    entries: run.point.entries(source),
    read: (content) => run.point.read(content),
    target: targetFolder(volume),
    mode: "in-place",
    paths,
    signal: run.signal,
    onBytes: (bytes) => run.progress.add(bytes),
  });
  return { component: source.component, source: source.name, targets: [volume], counts: { ...counts }, notes: [] };
}
