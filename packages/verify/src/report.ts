import { Component } from "@erlmcp/entry";
import { canonicalJson, BackupId, Timestamp } from "@erlmcp/manifest";
import { z } from "zod";
import { describeDrill, DrillReport } from "./drill-report.ts";
import { describeFinding } from "./finding.ts";
import { nothingProven, type Proven } from "./proven.ts";
import type { Verdict } from "./verification.ts";

const count = z.int().nonnegative();
const text = z.string();

const FindingLine = z.strictObject({
  restore_point: text,
  object: text.nullable(), // "packs/000001.pack"; of a base with its ID in front
  offset: count.nullable(), // in the object, bytes
  chunk: text.nullable(),
  component: Component.nullable(),
  source: text.nullable(),
  path: text.nullable(), // of the table, dump or file
  what: text,
});

const ProvenCounts = z.strictObject({
  objects: count, // whose length and SHA-256 were compared
  bytes: count,
  packs: count, // opened
  segments: count,
  chunks: count, // whose ID was computed again
  plain_bytes: count,
  sources: count,
  entries: count,
  content_bytes: count,
  ledger_lines: count,
});

/** A report of verify in `reports/`: what was looked at, and all that is wrong. */
export const VerifyReport = z.strictObject({
  report_version: z.literal(1),
  service: z.literal("verify"),
  asked: text, // an ID, latest or all
  mode: z.enum(["quick", "full", "test-restore"]),
  started_at: Timestamp,
  finished_at: Timestamp,
  result: z.enum(["ok", "damaged", "not_verified"]),
  checked: z.array(text), // in words
  restore_points: z.array(
    z.strictObject({
      backup_id: BackupId,
      result: z.enum(["ok", "damaged", "not_verified"]),
      depends_on: z.array(BackupId),
      findings: z.array(FindingLine),
      findings_omitted: count,
      notes: z.array(text),
      proven: ProvenCounts.nullable(),
      drill: DrillReport.optional(), // with --test-restore
      error: z.strictObject({ code: text, message: text, hint: text.nullable() }).nullable(), // why it was not verified
    }),
  ),
  proven: ProvenCounts, // of all; what several share counts with each
});
export type VerifyReport = z.infer<typeof VerifyReport>;

/** What became of one restore point. */
export type Verified =
  | { readonly verdict: Verdict; readonly drill?: DrillReport | undefined }
  | { readonly id: string; readonly error: { code: string; message: string; hint: string | null } };

export interface ReportFacts {
  readonly asked: string;
  readonly mode: VerifyReport["mode"];
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly verified: readonly Verified[];
}

const quickChecks = [
  "length and SHA-256 of every object, also of what a restore point depends on",
  "manifest, checksums and receipt against each other, and the receipt against its copy",
];
const fullChecks = [
  "the manifest's MAC (with a key), its sealed part and its schema",
  "the generation: bases, their order, their keys",
  "every chunk of every pack that is needed, opened and its ID computed again",
  "footers of the packs against chunks.idx",
  "every entry, and that its chunks cover its contents",
  "counts of entries, ledger, manifest and receipt against each other",
];
const drillChecks = [
  "in throwaway containers on a network of their own: what OTP, PostgreSQL and a file system make of it",
  "definitions, row counts and checksums of every table; databases, their rows, large objects and extensions",
  "files by number, kind and size, and the contents of some",
];

/** The report of a run. A finding that several restore points share is told with each of them. */
export function createReport(facts: ReportFacts): VerifyReport {
  const points = facts.verified.map(pointOf);
  const results = new Set(points.map(({ result }) => result));
  return {
    report_version: 1,
    service: "verify",
    asked: facts.asked,
    mode: facts.mode,
    started_at: facts.startedAt.toISOString(),
    finished_at: facts.finishedAt.toISOString(),
    result: results.has("damaged") ? "damaged" : results.has("not_verified") ? "not_verified" : "ok",
    checked: checksOf(facts.mode),
    restore_points: points,
    proven: countsOf(sumOf(facts.verified)),
  };
}

function checksOf(mode: VerifyReport["mode"]): string[] {
  if (mode === "quick") return quickChecks;
  return [...quickChecks, ...fullChecks, ...(mode === "full" ? [] : drillChecks)];
}

function pointOf(verified: Verified): VerifyReport["restore_points"][number] {
  if ("error" in verified) {
    const none = { depends_on: [], findings: [], findings_omitted: 0, notes: [], proven: null };
    return { backup_id: verified.id, result: "not_verified", ...none, error: verified.error };
  }
  const { restorePoint, dependsOn, findings, omitted, notes, proven } = verified.verdict;
  return {
    backup_id: restorePoint,
    result: findings.length > 0 ? "damaged" : "ok",
    depends_on: [...dependsOn],
    findings: findings.map(({ restorePoint: of, ...finding }) => ({ restore_point: of, ...finding })),
    findings_omitted: omitted,
    notes: [...notes],
    proven: countsOf(proven),
    ...(verified.drill && { drill: verified.drill }),
    error: null,
  };
}

function sumOf(verified: readonly Verified[]): Proven {
  const sum = nothingProven();
  for (const one of verified) {
    if ("error" in one) continue;
    for (const name of Object.keys(sum)) if (isCount(name)) sum[name] += one.verdict.proven[name];
  }
  return sum;
}

function isCount(name: string): name is keyof Proven {
  return name in nothingProven();
}

function countsOf({ plainBytes, contentBytes, ledgerLines, ...rest }: Proven): VerifyReport["proven"] {
  return { ...rest, plain_bytes: plainBytes, content_bytes: contentBytes, ledger_lines: ledgerLines };
}

/** reports/….json, byte for byte: canonical JSON, two spaces a level, ending in a newline. */
export function serializeReport(report: VerifyReport): Buffer {
  return Buffer.from(`${canonicalJson(VerifyReport.parse(report), 2)}\n`);
}

/** The report for people. @param formatBytes how sizes are written */
export function formatReport(report: VerifyReport, formatBytes: (bytes: number) => string): string {
  const lines = [`verify ${report.asked}, ${report.mode}, begun ${report.started_at}, ended ${report.finished_at}`, ""];
  for (const point of report.restore_points) {
    lines.push(`${point.backup_id}  ${words[point.result]}`);
    if (point.error !== null) lines.push(`  not verified: ${point.error.message}`);
    for (const { restore_point, ...found } of point.findings) {
      lines.push(`  WRONG  ${describeFinding({ restorePoint: restore_point, ...found })}`);
    }
    if (point.findings_omitted > 0) lines.push(`  WRONG  and ${point.findings_omitted} more`);
    for (const note of point.notes) lines.push(`  note   ${note}`);
    if (point.proven !== null) lines.push(...describeProven(point.proven, report.mode, formatBytes));
    if (point.drill !== undefined) lines.push(...describeDrill(point.drill));
  }
  lines.push("", "checked:", ...report.checked.map((what) => `  ${what}`));
  return `${lines.join("\n")}\n`;
}

const words = { ok: "ok", damaged: "DAMAGED", not_verified: "NOT VERIFIED" };

const number = (value: number): string => value.toLocaleString("en-US");

function describeProven(
  proven: VerifyReport["proven"],
  mode: VerifyReport["mode"],
  formatBytes: (bytes: number) => string,
): string[] {
  const lines = [`  ${number(proven.objects)} objects, ${formatBytes(proven.bytes)} read`];
  if (mode === "quick") return lines;
  lines.push(
    `  ${number(proven.chunks)} chunks in ${number(proven.packs)} packs opened, ${formatBytes(proven.plain_bytes)}`,
    `  ${number(proven.entries)} entries of ${number(proven.sources)} sources, contents of ${formatBytes(proven.content_bytes)} covered`,
    `  ${number(proven.ledger_lines)} lines of the ledger compared`,
  );
  return lines;
}
