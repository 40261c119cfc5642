import { BackupError } from "@erlmcp/errors";

const day = String.raw`(\d{4}-\d{2}-\d{2})`;
const clock = String.raw`(\d{2}:\d{2})(?::(\d{2})(\.\d{1,9})?)?`;
const absolute = new RegExp(String.raw`^${day}(?:(?:T| +)${clock} *(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?$`, "i");
const stamp = /^(?:erlmcp_[a-z]+_)?(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})$/;
const relative = /^(\d{1,6}) *(m|min|minutes?|h|hours?|d|days?|w|weeks?)(?: +ago)?$/i;

const unitMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * A point in time as an operator writes it: `2026-02-02` (its end, so that the whole day counts), `2026-02-02 12:00`,
 * `2026-02-02T12:00:30+01:00`, the time in a restore point's ID (`20260202_120000`), or how long ago (`90m`, `2 hours ago`,
 * `3d`). Without an offset it is UTC, like the IDs. What is left out is taken at its end: 12:00 is 12:00:59.999.
 *
 * @throws BackupError USAGE
 */
export function parseTime(text: string, now: Date): Date {
  const at = parseAgo(text.trim(), now) ?? parseStamp(text.trim()) ?? parseAbsolute(text.trim());
  if (at !== undefined) return at;
  const zone = /^\d{4}-.*[a-z]{3}(\/[a-z_]+)?$/i.test(text.trim());
  throw new BackupError("USAGE", `--at: "${text}" is no time`, {
    hint: zone
      ? "Give the time zone as an offset, as in 2026-02-02T12:00+01:00; without one it is UTC."
      : "Write it as 2026-02-02T12:00Z (without an offset it is UTC), 2026-02-02, 90m, 2h or 3d (ago).",
  });
}

function parseAgo(text: string, now: Date): Date | undefined {
  const [, count, unit = ""] = relative.exec(text) ?? [];
  const ms = unitMs[unit.charAt(0).toLowerCase()];
  return count === undefined || ms === undefined ? undefined : new Date(now.getTime() - Number(count) * ms);
}

function parseStamp(text: string): Date | undefined {
  const [, year, month, date, hours, minutes, seconds] = stamp.exec(text) ?? [];
  return year === undefined ? undefined : valid(`${year}-${month}-${date}`, `${hours}:${minutes}:${seconds}`, "Z");
}

function parseAbsolute(text: string): Date | undefined {
  const [, date, minutes, seconds, fraction, zone = "Z"] = absolute.exec(text) ?? [];
  if (date === undefined) return undefined;
  if (minutes === undefined) return valid(date, "23:59:59.999", "Z");
  const time = seconds === undefined ? `${minutes}:59.999` : `${minutes}:${seconds}${(fraction ?? "").slice(0, 4)}`;
  return valid(date, time, offsetOf(zone));
}

/** `+1`, `+0100`, `utc` as Date takes them. */
function offsetOf(zone: string): string {
  if (/^(z|utc)$/i.test(zone)) return "Z";
  const digits = zone.replaceAll(/\D/g, "").padEnd(4, "0");
  return `${zone.charAt(0)}${digits.slice(0, 2)}:${digits.slice(2)}`;
}

/** February has no 30th, though Date takes it for the 2nd of March. */
function valid(date: string, time: string, offset: string): Date | undefined {
  const [at, midnight] = [new Date(`${date}T${time}${offset}`), new Date(`${date}T00:00:00Z`)];
  if (Number.isNaN(at.getTime()) || Number.isNaN(midnight.getTime())) return undefined;
  return midnight.toISOString().startsWith(date) ? at : undefined;
}
