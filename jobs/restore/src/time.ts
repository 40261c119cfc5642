import { BackupError } from "@erlmcp/errors";

const pattern = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * A point in time as an operator writes it: `2026-02-02` (its end, so that the whole day counts), `2026-02-02 12:00`,
 * `2026-02-02T12:00:30+01:00`. Without an offset it is UTC, like the IDs of restore points.
 *
 * @throws BackupError USAGE
 */
export function parseTime(text: string): Date {
  const match = pattern.exec(text.trim());
  const [, day, minutes, seconds, offset] = match ?? [];
  const time = minutes === undefined ? "23:59:59.999" : `${minutes}:${seconds ?? "59.999"}`;
  const at = new Date(`${day ?? ""}T${time}${offset ?? "Z"}`);
  if (day !== undefined && !Number.isNaN(at.getTime()) && isDay(day)) return at;
  throw new BackupError("USAGE", `--at: "${text}" is no time`, {
    hint: "Write it as 2026-02-02T12:00Z; without an offset it is UTC.",
  });
}

/** February has no 30th, though Date takes it for the 2nd of March. */
function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
