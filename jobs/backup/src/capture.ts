import { whileQuiet, type Source } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import type { Progress } from "@erlmcp/job";
import type { Base } from "./base.ts";
import { createCollection, type Capture, type Collection } from "./collection.ts";
import { foldersOnly, inOrder, type Plan } from "./plan.ts";
import { createQuiesceRecord } from "./quiesce-record.ts";
import type { LockedRun } from "./run.ts";
import type { Storage } from "./source-sink.ts";
import { captureConfigOf, captureFolder, captureNodes, captureServer, captureVolume } from "./sources.ts";

/** How long containers may be paused or stopped for the sake of their volumes. */
const quietLimitMs = 30 * 60_000;

export interface CaptureOptions {
  readonly storage: Storage;
  readonly base: Base;
  readonly progress: Progress;
  readonly spillFolder: string;
}

/** What the capture of one source is given. */
export interface CaptureContext extends CaptureOptions {
  readonly run: LockedRun;
  readonly collection: Collection;
}

type SourceOf<Kind extends Source["kind"]> = Extract<Source, { kind: Kind }>;

/**
 * Captures every source of the plan: what changes most first, and what containers must be paused or stopped for last. A
 * source that fails has a line in the ledger and stops no other one; what ends the whole run is the run's own failure:
 * storage, a full disk, a signal.
 */
export async function captureAll(run: LockedRun, options: CaptureOptions): Promise<Capture> {
  const collection = createCollection(run.context, options.storage);
  const context: CaptureContext = { ...options, run, collection };
  for (const { component, source, name, reason } of run.plan.excluded) {
    collection.ledger({ component, source, name, verdict: "excluded", reason });
  }
  const available = run.plan.sources.filter((source) => {
    if (source.unavailable !== undefined) collection.failed(source.name, componentsOf(source), source.unavailable);
    return source.unavailable === undefined;
  });
  await Promise.all([captureAllNodes(context, available), captureAllServers(context, available)]);
  const { first, quiet } = inOrder(available);
  for (const source of first) await captureStill(context, source);
  for (const folder of foldersOnly(run.plan)) await captureMounted(context, folder);
  for (const source of quiet) await captureQuietly(context, source);
  return collection.result();
}

export function componentsOf(
  source: Source,
): readonly ("ets" | "dets" | "mnesia" | "postgres" | "volumes" | "config")[] {
  if (source.kind === "erlang") return source.components;
  return [source.kind === "volume" ? "volumes" : source.kind];
}

async function captureAllNodes(context: CaptureContext, sources: readonly Source[]): Promise<void> {
  const nodes = sources.filter((source): source is SourceOf<"erlang"> => source.kind === "erlang");
  if (nodes.length === 0) return;
  step(context, "erlang");
  await captureNodes(context, nodes);
}

async function captureAllServers(context: CaptureContext, sources: readonly Source[]): Promise<void> {
  for (const source of sources) {
    if (source.kind !== "postgres") continue;
    step(context, `postgres ${source.name}`);
    await context.collection.attempt("postgres", source.name, (sink) => captureServer(context, source, sink));
  }
}

async function captureStill(context: CaptureContext, source: Source): Promise<void> {
  if (source.kind === "volume") {
    step(context, `volume ${source.name}`);
    await context.collection.attempt("volumes", source.name, (sink) => captureVolume(context, source, sink));
  } else if (source.kind === "config") {
    step(context, `config ${source.name}`);
    await context.collection.attempt("config", source.name, (sink) => captureConfigOf(context, source, sink));
  }
}

async function captureMounted(context: CaptureContext, folder: Plan["mounted"][number]): Promise<void> {
  step(context, `${folder.component} ${folder.name}`);
  await context.collection.attempt(folder.component, folder.name, (sink) => captureFolder(context, folder, sink));
}

async function captureQuietly(context: CaptureContext, source: Source): Promise<void> {
  if (source.kind !== "volume") return;
  const { host, context: job, repository } = context.run;
  const names = source.during.map(({ container, action }) => `${action} ${container.name}`);
  job.log.info({ volume: source.name, containers: names }, "containers stand still for their volume");
  const plan = {
    containers: source.during,
    record: createQuiesceRecord(repository.root),
    deadlineMs: quietLimitMs,
    signal: job.signal,
  };
  try {
    await whileQuiet(host.engine, plan, () => captureStill(context, source));
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "SOURCE_FAILED") throw error;
    context.collection.failed(source.name, ["volumes"], error.message);
  }
}

function step({ progress, run }: CaptureContext, name: string): void {
  run.context.signal.throwIfAborted();
  progress.step(name);
}
