import type { RestorePoints } from "@erlmcp/catalog";
import { BackupError } from "@erlmcp/errors";
import { compareIds } from "@erlmcp/manifest";

/**
 * The IDs that are meant, oldest first: also those that can't be used, which is just what verify is to tell.
 *
 * @param wanted an ID, latest or all
 * @throws BackupError NOT_FOUND
 */
export function choosePoints({ points, unusable }: RestorePoints, wanted: string): string[] {
  const ids = [...points, ...unusable].map(({ backup_id }) => backup_id).toSorted(compareIds);
  const kept = new Set(points.filter(({ service }) => service === "restore").map(({ backup_id }) => backup_id));
  const latest = ids.filter((id) => !kept.has(id)).slice(-1); // as restore understands it
  const chosen = wanted === "all" ? ids : wanted === "latest" ? latest : ids.filter((id) => id === wanted);
  if (chosen.length > 0) return chosen;
  const none = ids.length === 0 ? "there is no restore point yet" : `there is no restore point ${wanted}`;
  throw new BackupError("NOT_FOUND", none, { hint: "backup --list shows those that exist." });
}
