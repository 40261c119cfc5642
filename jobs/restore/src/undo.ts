import { BackupError } from "@erlmcp/errors";
import { accessTo } from "@erlmcp/host";
import { openRestorePoint } from "@erlmcp/restore-point";
import { apply, type Applying } from "./apply.ts";
import { lookAround } from "./here.ts";
import { inSteps, type Placed } from "./plan.ts";
import { findTarget, type Target } from "./targets.ts";

/** Puts everything that a restore has touched back to what the safety backup holds. It cannot be interrupted gently. */
export async function undo(run: Applying): Promise<void> {
  const { intent, repository, encryption } = run;
  if (intent.safety === null) throw new BackupError("FAILED", "there is no safety backup to put back");
  const point = await openRestorePoint(accessTo(repository, encryption), intent.safety);
  try {
    const placed = await placeAgain(run, point);
    const { signal } = new AbortController(); // the run's own has been used, if that is why it is undone
    await apply({ ...run, point, placed, signal });
  } finally {
    await point.close();
  }
}

/** The parts of the safety backup that belong to the places which the restore was about to change. */
async function placeAgain(run: Applying, point: Applying["point"]): Promise<Placed[]> {
  const { here } = await lookAround(run.host, run.settings);
  const placed: Placed[] = [];
  for (const source of point.manifest.contents.sources) {
    const target = findTarget(source, here);
    if (target.kind === "none") continue;
    const before = run.placed.find(
      (one) => one.part.source.component === source.component && isSame(one.target, target),
    );
    if (before !== undefined) placed.push({ part: { ...before.part, source }, target });
  }
  return inSteps(placed);
}

function isSame(a: Target, b: Target): boolean {
  if (a.kind === "volume" && b.kind === "volume") return a.volume.name === b.volume.name;
  if (a.kind !== "container" || b.kind !== "container") return false;
  return a.containers.map(({ id }) => id).join() === b.containers.map(({ id }) => id).join();
}
