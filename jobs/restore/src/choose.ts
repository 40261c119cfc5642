import { listRestorePoints, findRestorePoint } from "@erlmcp/catalog";
import { BackupError } from "@erlmcp/errors";
import type { ObjectStore } from "@erlmcp/store";
import type { Request } from "./cli.ts";

/**
 * The ID of the restore point that is meant.
 *
 * @throws BackupError NOT_FOUND
 */
export async function chooseRestorePoint(
  store: ObjectStore,
  { point, at }: Pick<Request, "point" | "at">,
): Promise<string> {
  const { points } = await listRestorePoints(store);
  if (at === undefined) return findRestorePoint(points, point).backup_id;
  const before = points.filter(({ timestamp }) => Date.parse(timestamp) <= at.getTime());
  const newest = before.toSorted((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp)).at(-1);
  if (newest !== undefined) return newest.backup_id;
  const [oldest] = points;
  throw new BackupError("NOT_FOUND", `there is no restore point of ${at.toISOString()} or before`, {
    hint: oldest === undefined ? "There is none at all." : `The oldest is ${oldest.backup_id}; see restore --list.`,
  });
}
