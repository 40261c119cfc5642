import { type Component, type Grade } from "@erlmcp/entry";
import { stampOf } from "@erlmcp/manifest";
import { inGenerations, type ListedPoint, listPoints, remarksOn } from "./facts.ts";
import type { RestorePoints, Unusable } from "./restore-points.ts";
import { formatAge, formatBytes } from "./units.ts";

const letters: Record<Component, string> = {
  ets: "e",
  dets: "d",
  mnesia: "m",
  postgres: "p",
  volumes: "v",
  config: "c",
};

const grades: Record<Grade, string> = {
  transactional: "trans",
  "point-in-time": "point",
  "fuzzy-verified": "fuzzy+",
  fuzzy: "fuzzy",
};

/** With more lines than these, older incrementals about which there is nothing to say share one. */
const linesLimit = 50;
/** So many of the newest always have their own line. */
const newest = 16;

export interface ListingOptions {
  readonly now: Date; // for the ages
  readonly all: boolean; // one line for each, however many there are
}

/** The restore points as a table of at most 80 columns, oldest first, incrementals indented below their base. */
export function formatListing(listed: RestorePoints, { now, all }: ListingOptions): string {
  const points = listPoints(listed, now);
  const shortened = !all && points.length > linesLimit;
  const recent = new Set(points.slice(-newest).map(({ backup_id }) => backup_id));
  const rows = [row(["RESTORE POINT", "AGE", "SIZE", "HOLDS", "GRADE", "VERIFIED", "REP"])];
  for (const generation of inGenerations(points)) {
    const quiet = (point: ListedPoint): boolean =>
      shortened && point !== generation[0] && !recent.has(point.backup_id) && remarksOn(point).length === 0;
    rows.push(...generationRows(generation, { now, quiet }));
  }
  if (points.length === 0) rows.push("(none)");
  for (const one of listed.unusable) rows.push(...unusableRows(one));
  return `${[...rows, "", ...legend(points, shortened)].join("\n")}\n`;
}

/** The same for programs, what is not known as null: see the README of this package. */
export function listingData(
  listed: RestorePoints,
  now: Date,
): { points: Record<string, unknown>[]; unusable: Unusable[] } {
  const unknown = { service: null, verified: null, replicas: null, held: null };
  return { points: listPoints(listed, now).map((point) => ({ ...unknown, ...point })), unusable: listed.unusable };
}

function generationRows(
  generation: readonly ListedPoint[],
  { now, quiet }: { now: Date; quiet: (point: ListedPoint) => boolean },
): string[] {
  const rows: string[] = [];
  let summed: ListedPoint[] = [];
  const sumUp = (): void => {
    const [only] = summed;
    if (summed.length > 1) rows.push(sumRow(summed));
    else if (only !== undefined) rows.push(pointRow(only, "  ", now));
    summed = [];
  };
  for (const point of generation) {
    if (quiet(point)) {
      summed.push(point);
      continue;
    }
    sumUp();
    rows.push(pointRow(point, point === generation[0] ? "" : "  ", now));
    rows.push(...remarksOn(point).map((remark) => cut(`      ${remark}`)));
  }
  sumUp();
  return rows;
}

function pointRow(point: ListedPoint, indent: string, now: Date): string {
  const { components, grade, verified, replicas } = point;
  return row([
    `${indent}${point.backup_id}`,
    formatAge(point.age_seconds * 1000),
    formatBytes(point.bytes),
    components === null ? "??????" : held(components),
    grade === null ? "-" : grades[grade],
    verified === undefined ? "-" : verifiedWord(verified, now),
    replicas === undefined ? "-" : String(replicas.length),
  ]);
}

function verifiedWord({ at, mode, findings }: NonNullable<ListedPoint["verified"]>, now: Date): string {
  return `${findings > 0 ? "BAD" : mode} ${formatAge(now.getTime() - Date.parse(at))}`;
}

function held(components: readonly Component[]): string {
  return Object.entries(letters)
    .map(([name, letter]) => (components.some((one) => one === name) ? letter : "-"))
    .join("");
}

/** Of several incrementals: how many, from when to when, what they store together. */
function sumRow(points: readonly ListedPoint[]): string {
  const [from, to] = [points[0], points.at(-1)].map((point) => stampOf(point?.backup_id ?? ""));
  const bytes = points.reduce((sum, point) => sum + point.bytes, 0);
  return `  ${points.length} incrementals ${from} to ${to}, ${formatBytes(bytes)}`;
}

function unusableRows({ backup_id, reason }: Unusable): string[] {
  return [`${backup_id.padEnd(36)} UNUSABLE`, cut(`      ${reason}`)];
}

const widths = [36, 4, 7, 6, 6, 10, 3]; // with single spaces between them: 78
const rightAligned = new Set([1, 2, 6]);

function row(cells: readonly string[]): string {
  return cells
    .map((cell, at) => (rightAligned.has(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
    .join(" ")
    .trimEnd();
}

function cut(line: string): string {
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`;
}

function legend(points: readonly ListedPoint[], shortened: boolean): string[] {
  const lines = [
    "SIZE is what each one adds; an indented one builds on the full above it.",
    "HOLDS: e ets, d dets, m mnesia, p postgres, v volumes, c config, ? not known",
    "GRADE of the weakest part: transactional, point-in-time, fuzzy(+ verified)",
    "VERIFIED: how, and how long ago. REP: replicas. -: none that is known of",
  ];
  if (shortened) lines.push("Older incrementals are summed up; --verbose lists each, --json too.");
  if (points.length > 0 && points.every(({ replicas, held: mark }) => replicas === undefined && mark === undefined)) {
    lines.push("None is known to have a replica or to be held.");
  }
  return lines;
}
