import { BackupError } from "@erlmcp/errors";
import { z } from "zod";

/** `compliance` is a full with a retention tier of its own. */
export const BackupType = z.enum(["full", "incremental", "compliance"]);
export type BackupType = z.infer<typeof BackupType>;

const shape = /^erlmcp_(full|incremental|compliance)_(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})$/;

/** The name of a restore point, for example `erlmcp_full_20260202_120000`; the time is UTC. */
export const BackupId = z.string().refine((id) => tryParseId(id) !== undefined, "is not a backup ID");
export type BackupId = z.infer<typeof BackupId>;

export interface ParsedId {
  type: BackupType;
  at: Date; // whole seconds, UTC
}

/** The ID of a restore point of `type` that begins at `at`; fractions of a second are cut off. */
export function newId(type: BackupType, at: Date): string {
  const digits = at.toISOString().replaceAll(/[-:]|\..*$/g, ""); // 20260202T120000
  return `erlmcp_${type}_${digits.replace("T", "_")}`;
}

/**
 * As newId, but at the first second from `at` on that no ID in `existing` has, whatever its type:
 * so that IDs never collide and the time in them gives every restore point its place in one order.
 */
export function nextFreeId(type: BackupType, at: Date, existing: Iterable<string>): string {
  const taken = new Set<string>();
  for (const id of existing) taken.add(stampOf(id));
  let time = at;
  while (taken.has(stampOf(newId(type, time)))) time = new Date(time.getTime() + 1000);
  return newId(type, time);
}

/** The time of an ID as it is written there, `20260202_120000`: sorts as the restore points were made. */
export function stampOf(id: string): string {
  return id.slice(-15);
}

/** Undefined for anything that newId could not have returned, 30 February among it. */
export function tryParseId(id: string): ParsedId | undefined {
  const match = shape.exec(id);
  if (match === null) return undefined;
  const [, type, year, month, day, hour, minute, second] = match;
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const known = BackupType.safeParse(type);
  if (!known.success || Number.isNaN(at.getTime()) || newId(known.data, at) !== id) return undefined;
  return { type: known.data, at };
}

/** @throws BackupError USAGE when `id` is no backup ID */
export function parseId(id: string): ParsedId {
  const parsed = tryParseId(id);
  if (parsed !== undefined) return parsed;
  throw new BackupError("USAGE", `${JSON.stringify(id.slice(0, 80))} is not a backup ID`, {
    hint: "IDs look like erlmcp_full_20260202_120000; `restore --list` shows those that exist.",
  });
}

/** Oldest first; for use with sort(). */
export function compareIds(a: string, b: string): number {
  const [left, right] = [`${stampOf(a)} ${a}`, `${stampOf(b)} ${b}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
