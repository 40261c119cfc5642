import { compareIds } from "@erlmcp/manifest";
import { generationOf } from "./choose-base.ts";
import type { CatalogLine } from "./line.ts";
import type { RestorePoints } from "./restore-points.ts";
import { formatAge } from "./units.ts";

/** A restore point with what an operator wants to know of it besides. */
export type ListedPoint = CatalogLine & {
  age_seconds: number; // since it began
  safety: boolean; // a restore took it of what was there before
  missing: string[]; // restore points that it needs and that are not there: it cannot be restored
};

/** Each with what follows from the others. */
export function listPoints({ points }: RestorePoints, now: Date): ListedPoint[] {
  const ids = new Set(points.map(({ backup_id }) => backup_id));
  return points.map((point) => ({
    ...point,
    age_seconds: Math.floor((now.getTime() - Date.parse(point.timestamp)) / 1000),
    safety: point.service === "restore",
    missing: point.depends_on.filter((id) => !ids.has(id)),
  }));
}

/** What an operator must not overlook about one of them, in words. */
export function remarksOn(point: ListedPoint): string[] {
  const { complete, verified, missing, held, safety, age_seconds } = point;
  const remarks: string[] = [];
  const [first, ...others] = missing;
  if (first !== undefined) {
    const more = others.length === 0 ? "" : ` and ${others.length} more`;
    remarks.push(`CANNOT BE RESTORED: it needs ${first}${more}`);
  }
  if (verified !== undefined && verified.findings > 0) {
    const things = verified.findings === 1 ? "thing is" : "things are";
    remarks.push(`DAMAGED: ${verified.findings} ${things} wrong; see reports/`);
  }
  if (!complete) remarks.push("PARTIAL: something could not be read; see its receipt.json");
  if (held !== undefined) remarks.push(`held until ${held.until.slice(0, 10)}: ${held.reason}`);
  if (safety) remarks.push("kept by a restore of what it replaced; latest passes over it");
  if (age_seconds < 0) remarks.push(`begun ${formatAge(-age_seconds * 1000)} from now: a clock was or is wrong`);
  return remarks;
}

/** Each base followed by its incrementals; those whose base is gone come where their own time puts them. */
export function inGenerations(points: readonly ListedPoint[]): ListedPoint[][] {
  const ids = new Set(points.map((point) => point.backup_id));
  return points
    .filter((point) => point.base === null || !ids.has(point.base))
    .toSorted((a, b) => compareIds(a.backup_id, b.backup_id))
    .map((head) => generationOf(points, head));
}
