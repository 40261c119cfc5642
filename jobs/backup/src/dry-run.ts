import { lstat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { formatBytes } from "@erlmcp/catalog";
import type { Source } from "@erlmcp/docker";
import { Component, type FileRequest, type FileResult, type LedgerLine } from "@erlmcp/entry";
import { loadAgent, surveyErlang } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import type { JobOutcome } from "@erlmcp/job";
import { surveyPostgres } from "@erlmcp/postgres";
import { captureConfig, captureTree } from "@erlmcp/volumes";
import { join } from "node:path";
import { componentsOf } from "./capture.ts";
import { foldersOnly, volumesFolder } from "./plan.ts";
import type { Run } from "./run.ts";
import { createSourceSink, type SourceSink, type Storage } from "./source-sink.ts";

/**
 * Shows what a backup would take, with sizes, and changes nothing: rows are not read, containers not paused, nothing is
 * written. What could not be read has its line, and the exit status is that of the backup.
 */
export async function showPlan(run: Run): Promise<JobOutcome> {
  const lines = await surveyAll(run);
  const lost = lines.filter(({ verdict }) => verdict === "failed" || verdict === "unreadable");
  const { context, request } = run;
  if (request.json) context.stdout.write(`${JSON.stringify({ dry_run: true, lines }, undefined, 2)}\n`);
  else context.stdout.write(`${describe(run, lines).join("\n")}\n`);
  return { exitCode: lost.length === 0 ? 0 : lost.length === lines.length ? 1 : 3 };
}

async function surveyAll(run: Run): Promise<LedgerLine[]> {
  const { plan } = run;
  const lines: LedgerLine[] = plan.excluded.map((excluded) => ({ ...excluded, verdict: "excluded" }));
  const available = plan.sources.filter(({ unavailable }) => unavailable === undefined);
  for (const source of plan.sources) {
    if (source.unavailable !== undefined) lines.push(...failed(source, source.unavailable));
  }
  lines.push(...(await surveyNodes(run, available)));
  for (const source of available) {
    if (source.kind === "erlang") continue;
    try {
      lines.push(...(await surveySource(run, source)));
    } catch (error) {
      if (!(error instanceof BackupError) || run.context.signal.aborted) throw error;
      lines.push(...failed(source, error.message));
    }
  }
  for (const folder of foldersOnly(plan)) lines.push(...(await measured(run, folder)));
  return lines;
}

function failed(source: Source, reason: string): LedgerLine[] {
  const { name } = source;
  return componentsOf(source).map((component) => ({ component, source: name, name, verdict: "failed", reason }));
}

async function surveyNodes(run: Run, sources: readonly Source[]): Promise<LedgerLine[]> {
  const nodes = sources.flatMap((source) => (source.kind === "erlang" ? [source] : []));
  if (nodes.length === 0) return [];
  return surveyErlang({
    engine: run.host.engine,
    agent: await loadAgent(fileURLToPath(new URL("./agent", import.meta.url))),
    components: [...new Set(nodes.flatMap(({ components }) => components))],
    nodes: nodes.map(({ container, settings }) => ({ container: container.name, settings })),
    signal: run.context.signal,
  });
}

async function surveySource(run: Run, source: Exclude<Source, { kind: "erlang" }>): Promise<readonly LedgerLine[]> {
  const { engine } = run.host;
  const { signal } = run.context;
  if (source.kind === "postgres") {
    const { container, settings, name } = source;
    return surveyPostgres({ engine, container, settings, source: name, application: "erlmcp-backup-survey", signal });
  }
  if (source.kind === "volume") {
    return measured(run, { name: source.name, path: join(volumesFolder, source.name), component: "volumes" });
  }
  const sink = measuringSink(run, "config", source.name);
  const archive = (path: string) => engine.archive(source.container.id, path, signal);
  await captureConfig({ archive, paths: source.paths, source: source.name, sink, signal });
  return sink.lines;
}

/** Walks a tree as a capture does, without reading the files. */
async function measured(
  run: Run,
  folder: { name: string; path: string; component: "volumes" | "config" },
): Promise<readonly LedgerLine[]> {
  const { name, path, component } = folder;
  const sink = measuringSink(run, component, name);
  await captureTree({ root: path, source: name, component, sink, signal: run.context.signal });
  return sink.lines;
}

function measuringSink({ context }: Run, component: Component, name: string): SourceSink {
  return createSourceSink({ component, name, storage: nothingStored, now: context.now });
}

const nothing = { bytes: 0, depth: 0, chunks: [] };

const nothingStored: Storage = {
  async stream(bytes) {
    let total = 0;
    for await (const piece of bytes) total += piece.byteLength;
    return { ...nothing, bytes: total };
  },
  async file({ path }: FileRequest): Promise<FileResult> {
    const stat = await lstat(path, { bigint: true });
    return {
      content: nothing,
      size: Number(stat.size),
      sparse: undefined,
      mode: Number(stat.mode & 0o7777n),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: stat.mtimeNs,
      ctime: stat.ctimeNs,
      inode: stat.ino,
      unstable: false,
      xattrs: { values: undefined },
    };
  },
  reuse: () => Promise.resolve(false),
};

/** Per component what would be taken, then everything that would not. */
function describe({ request, plan }: Run, lines: readonly LedgerLine[]): string[] {
  const text = [`dry run: a ${request.type} backup would take, as of now`, ""];
  for (const component of Component.options) {
    const taken = lines.filter((line) => line.component === component && line.verdict === "captured");
    if (taken.length === 0) continue;
    const bytes = taken.reduce((sum, line) => sum + (line.bytes ?? 0), 0);
    const rows = taken.reduce((sum, line) => sum + (line.rows ?? 0), 0);
    const [things, unit] =
      component === "volumes" || component === "config" ? ["", "files"] : [`${taken.length} `, "rows"];
    const counted = component === "postgres" ? "" : `, ${rows.toLocaleString("en-US")} ${unit}`;
    text.push(`${component.padEnd(10)}${formatBytes(bytes).padStart(9)}  ${things}${namesOf(taken, things)}${counted}`);
  }
  text.push("");
  for (const { kind, name, reason } of plan.sources) text.push(`${kind.padEnd(10)}${name}: ${reason}`);
  const left = lines.filter(({ verdict }) => verdict !== "captured");
  const ephemeral = left.filter(({ verdict }) => verdict === "ephemeral").length;
  if (left.length > 0) text.push("", `not taken (and ${ephemeral} tables that every start of a node makes anew):`);
  for (const { component, name, verdict, reason } of left) {
    if (verdict !== "ephemeral") text.push(`${component.padEnd(10)}${verdict.padEnd(11)}${name}: ${reason ?? "?"}`);
  }
  return text;
}

function namesOf(taken: readonly LedgerLine[], things: string): string {
  return things === "" ? [...new Set(taken.map(({ source }) => source))].join(" ") : "items";
}
