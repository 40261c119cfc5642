import type { Component } from "@erlmcp/entry";
import { compareIds } from "@erlmcp/manifest";
import { generationOf } from "./choose-base.ts";
import type { CatalogLine } from "./line.ts";
import type { RestorePoints } from "./restore-points.ts";

const letters: Record<Component, string> = {
  ets: "e",
  dets: "d",
  mnesia: "m",
  postgres: "p",
  volumes: "v",
  config: "c",
};

/**
 * The restore points as a table of at most 80 columns, oldest first, incrementals indented below their base.
 * @param now for the ages
 */
export function formatListing({ points, unusable }: RestorePoints, now: Date): string {
  const rows = [row(["RESTORE POINT", "AGE", "SIZE", "HOLDS", "GRADE", "STATE"])];
  for (const { point, depth } of inGenerations(points)) rows.push(pointRow(point, depth, now));
  if (points.length === 0) rows.push("(none)");
  for (const { backup_id, reason } of unusable) rows.push(`unusable: ${backup_id}: ${reason}`);
  const legend = "HOLDS: e ets, d dets, m mnesia, p postgres, v volumes, c config, ? not known";
  const state = "STATE: ok 3d and PART 3d (incomplete) verified 3 days ago, BAD 3d damaged then";
  const safety = points.some(({ service }) => service === "restore");
  const notes = ["SIZE is what each one stores by itself.", ...(safety ? [safetyNote] : [])];
  return `${[...rows, "", legend, state, ...notes].join("\n")}\n`;
}

const safetyNote = "safety, safe 3d: what a restore kept first; latest passes over these.";

function pointRow(point: CatalogLine, depth: number, now: Date): string {
  const { components, grade } = point;
  return row([
    `${"  ".repeat(depth)}${point.backup_id}`,
    formatAge(now.getTime() - Date.parse(point.timestamp)),
    formatBytes(point.bytes),
    components === null
      ? "??????"
      : Object.entries(letters)
          .map(([name, letter]) => flag(components, name, letter))
          .join(""),
    grade ?? "-",
    stateOf(point, now),
  ]);
}

function stateOf({ complete, verified, service }: CatalogLine, now: Date): string {
  const kept = service === "restore";
  if (verified === undefined) return complete ? (kept ? "safety" : "complete") : "PARTIAL";
  const word = verified.findings > 0 ? "BAD" : complete ? (kept ? "safe" : "ok") : "PART";
  return `${word} ${formatAge(now.getTime() - Date.parse(verified.at))}`;
}

function flag(components: readonly string[], name: string, letter: string): string {
  return components.includes(name) ? letter : "-";
}

const widths = [36, 4, 7, 6, 14, 8]; // with single spaces between them: 80

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i === 1 || i === 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
    .join(" ")
    .trimEnd();
}

/** Each base followed by its incrementals; those whose base is gone come where their own time puts them. */
function inGenerations(points: readonly CatalogLine[]): { point: CatalogLine; depth: number }[] {
  const ids = new Set(points.map((point) => point.backup_id));
  return points
    .filter((point) => point.base === null || !ids.has(point.base))
    .toSorted((a, b) => compareIds(a.backup_id, b.backup_id))
    .flatMap((head) => generationOf(points, head).map((point) => ({ point, depth: point === head ? 0 : 1 })));
}

/** `45s`, `12m`, `3h`, `20d`, `2y`: never longer than four characters; "0s" for what lies in the future. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 100 * 60) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  if (seconds < 1000 * 86_400) return `${Math.floor(seconds / 86_400)}d`;
  return `${Math.floor(seconds / (365 * 86_400))}y`;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `512 B`, `1.5 KiB`, `32 MiB`: three digits at most, seven characters at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
