import type { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { accessTo, nodesOf } from "@erlmcp/host";
import { openRestorePoint } from "@erlmcp/restore-point";
import { apply, type Applying } from "./apply.ts";
import { differencesOf } from "./compare.ts";
import { compareAll } from "./compare-all.ts";
import { lookAround } from "./here.ts";
import type { NodePlace } from "./nodes.ts";
import { whole, type Part } from "./parts.ts";
import { inSteps, type Placed } from "./plan.ts";
import { undoDatabases } from "./put-postgres.ts";
import { findTarget, type Target } from "./targets.ts";

/** Puts everything that a restore has touched back to what the safety backup holds. It cannot be interrupted gently. */
export async function undo(interrupted: Applying): Promise<void> {
  const { intent, repository, encryption } = interrupted;
  if (intent.safety === null) throw new BackupError("FAILED", "there is no safety backup to put back");
  const { signal } = new AbortController(); // the run's own has been used, if that is why it is undone
  const run: Applying = { ...interrupted, signal, context: { ...interrupted.context, signal } };
  await undoDatabases(run);
  const point = await openRestorePoint(accessTo(repository, encryption), intent.safety);
  try {
    const placed = await placeAgain(run, point);
    const here = { ...intent, renames: {}, nodes: placed.flatMap(placesIn) }; // it was captured from these very nodes
    const again: Applying = { ...run, intent: here, point, placed, undoing: true };
    const compared = await compareAll(again, await apply(again, new Map()));
    for (const weight of ["fails", "incomplete"] as const) {
      for (const line of differencesOf(compared, weight)) run.context.log.warn(`put back, but ${line}`);
    }
  } finally {
    await point.close();
  }
}

function placesIn({ part, target }: Placed): NodePlace[] {
  if (target.kind !== "container") return [];
  return nodesOf(part.source).flatMap(({ node, directory = null }, at) => {
    const container = target.containers[at]?.id;
    return container === undefined ? [] : [{ recorded: node, node, container, directory }];
  });
}

/** The parts of the safety backup that belong to the places which the restore was about to change. */
async function placeAgain(run: Applying, point: Applying["point"]): Promise<Placed[]> {
  const { here } = await lookAround(run.host, run.settings);
  const stopped = new Set(run.intent.stopped.map(({ id }) => id));
  const placed: Placed[] = [];
  for (const source of point.manifest.contents.sources) {
    if (source.component === "postgres") continue; // it kept its own
    const target = findTarget(source, here);
    if (target.kind === "none") continue;
    const before = run.placed.find(
      (one) => one.part.source.component === source.component && isSame(one.target, target),
    );
    if (before !== undefined) placed.push({ part: partAgain(before.part, source, run.intent.renames), target });
    else if (wasRestarted(source.component, target, stopped)) placed.push({ part: whole(source), target });
  }
  return inSteps(placed);
}

/** The rows that only one node has stand under its name of now in the safety backup. */
function partAgain(part: Part, source: Part["source"], renames: Readonly<Record<string, string>>): Part {
  const tables = part.tables?.map((path) =>
    path.replace(/^local\/([^/]+)\//, (local, node: string) => {
      const renamed = renames[node];
      return renamed === undefined ? local : `local/${renamed}/`;
    }),
  );
  return { ...part, source, tables };
}

/** What a node holds is put back as well when it was restarted for something else: its volume, its configuration. */
function wasRestarted(component: Component, target: Target, stopped: ReadonlySet<string>): boolean {
  if (component !== "ets" && component !== "dets" && component !== "mnesia") return false;
  return target.kind === "container" && target.containers.every(({ id }) => stopped.has(id));
}

function isSame(a: Target, b: Target): boolean {
  if (a.kind === "volume" && b.kind === "volume") return a.volume.name === b.volume.name;
  if (a.kind !== "container" || b.kind !== "container") return false;
  return a.containers.map(({ id }) => id).join() === b.containers.map(({ id }) => id).join();
}
