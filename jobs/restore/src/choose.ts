import { findRestorePoint, listRestorePoints, type CatalogLine } from "@erlmcp/catalog";
import { BackupError } from "@erlmcp/errors";
import type { ObjectStore } from "@erlmcp/store";
import type { Request } from "./cli.ts";

export interface Chosen {
  readonly id: string;
  readonly warning: string | undefined; // it may not be what was meant
}

/**
 * The restore point that is meant. `latest` and a time pass over those that a restore kept of the system before it: what
 * they hold is older than what was brought back.
 *
 * @throws BackupError NOT_FOUND
 */
export async function chooseRestorePoint(
  store: ObjectStore,
  { point, at }: Pick<Request, "point" | "at">,
): Promise<Chosen> {
  const all = (await listRestorePoints(store)).points;
  if (at === undefined && point !== "latest") return { id: findRestorePoint(all, point).backup_id, warning: undefined };
  const points = all.filter(({ service }) => service !== "restore");
  const chosen = at === undefined ? findRestorePoint(points, point) : newestBefore(points, at);
  return { id: chosen.backup_id, warning: warningOf(chosen, points) };
}

function newestBefore(points: readonly CatalogLine[], at: Date): CatalogLine {
  const before = points.filter(({ timestamp }) => Date.parse(timestamp) <= at.getTime());
  const newest = before.toSorted((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp)).at(-1);
  if (newest !== undefined) return newest;
  const [oldest] = points;
  throw new BackupError("NOT_FOUND", `there is no restore point of ${at.toISOString()} or before`, {
    hint: oldest === undefined ? "There is none at all." : `The oldest is ${oldest.backup_id}; see restore --list.`,
  });
}

/** A backup with --only makes a restore point that lacks what others have. */
function warningOf(chosen: CatalogLine, points: readonly CatalogLine[]): string | undefined {
  const held = chosen.components;
  if (held === null) return undefined;
  const fuller = points.findLast(({ components }) => components?.some((one) => !held.includes(one)) ?? false);
  if (fuller === undefined) return undefined;
  const missing = fuller.components?.filter((one) => !held.includes(one)) ?? [];
  return `${chosen.backup_id} holds no ${missing.join(", ")}; ${fuller.backup_id} does`;
}
