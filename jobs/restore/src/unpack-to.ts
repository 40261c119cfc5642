import { createWriteStream } from "node:fs";
import { mkdir, readdir, rename as renameFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DumpEntry, TableEntry } from "@erlmcp/entry";
import { writeErlangFiles, type UnpackFile } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { accessTo, openLocal, readBuild, say } from "@erlmcp/host";
import { createProgress, type JobContext, type JobOutcome, type Progress, type Settings } from "@erlmcp/job";
import { openRestorePoint, type Encryption, type RestorePoint } from "@erlmcp/restore-point";
import { unpackTree } from "@erlmcp/volumes";
import { chooseRestorePoint } from "./choose.ts";
import type { Request } from "./cli.ts";
import { agentFolder } from "./local-erl.ts";
import { selectParts, takes, type Part } from "./parts.ts";
import { writeReceipt } from "./receipt.ts";
import { fileName, shortName, textPath } from "./text-path.ts";

interface Unpacking {
  readonly context: JobContext;
  readonly request: Request;
  readonly settings: Settings;
  readonly encryption: Encryption | undefined;
  readonly target: string;
}

/** One line of what was written. */
interface Written {
  readonly component: string;
  readonly name: string;
  readonly path: string;
  readonly files: number;
  readonly rows: number | null; // null where a file has none
}

/**
 * Makes plain files of a restore point, for stock tools: file trees, `pg_restore` archives, `ets:file2tab` files, `.dets` files,
 * `mnesia:restore` backups. Needs no Docker engine and touches no service.
 */
export async function unpackTo(run: Unpacking): Promise<JobOutcome> {
  const { context, request, settings, encryption, target } = run;
  const repository = await openLocal(settings);
  const lock = repository.lock("shared", {
    job: "restore",
    command: context.argv.join(" "),
    container: hostname(),
    pid: process.pid,
    started: context.facts().startedAt.toISOString(),
  });
  try {
    const { id, warning } = await chooseRestorePoint(repository.store, request);
    if (warning !== undefined) context.log.warn({ hint: "Name the one that is meant." }, warning);
    await requireEmpty(target);
    if (!request.dryRun) await mkdir(target, { recursive: true });
    const point = await openRestorePoint(accessTo(repository, encryption), id);
    try {
      const parts = await selectParts(point, request.select);
      if (request.dryRun) return say(context, plan(id, { target, parts, json: request.json }));
      const written = await writeParts(run, point, parts);
      const text = report(id, { target, written });
      return await writeReceipt(run, {
        repository,
        build: await readBuild(undefined),
        outcome: {
          id,
          exitCode: 0,
          text,
          details: { unpacked_to: target, written: written.map((one) => ({ ...one })) },
        },
      });
    } finally {
      await point.close();
    }
  } finally {
    lock.release();
  }
}

async function requireEmpty(target: string): Promise<void> {
  const [first] = await namesIn(target);
  if (first === undefined) return;
  throw new BackupError("USAGE", `${target} is not empty: it holds ${first}`, {
    hint: "Unpack into an empty folder; nothing was written.",
  });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** What would be written, for people or as JSON. */
function plan(id: string, { target, parts, json }: { target: string; parts: readonly Part[]; json: boolean }): string {
  const data = parts.map(({ source: { component, name, bytes }, tables, databases, paths }) => {
    const only = [tables, databases, paths].flatMap((list) => list ?? []);
    return { component, source: name, bytes, ...(only.length > 0 && { only }) };
  });
  if (json) return `${JSON.stringify({ backup_id: id, unpack_to: target, parts: data }, undefined, 2)}\n`;
  const lines = data.map(
    ({ component, source, only }) =>
      `${component.padEnd(10)}${source}${only === undefined ? "" : `: only ${only.join(", ")}`}`,
  );
  return `${[`${id} would be unpacked to ${target}; no service is touched`, "", ...lines].join("\n")}\n`;
}

async function writeParts(run: Unpacking, point: RestorePoint, parts: readonly Part[]): Promise<Written[]> {
  const { context, request } = run;
  const progress = createProgress(context.stderr, context.log, {
    quiet: request.quiet,
    monotonicMs: context.monotonicMs,
  });
  try {
    for (const { source } of parts) progress.expect(source.bytes);
    const written: Written[] = [];
    for (const part of parts) {
      context.signal.throwIfAborted();
      progress.step(`${part.source.component} ${part.source.name}`);
      written.push(...(await writePart({ ...run, point, progress }, part)));
    }
    return written;
  } finally {
    progress.stop();
  }
}

type Writing = Unpacking & { readonly point: RestorePoint; readonly progress: Progress };

async function writePart(run: Writing, part: Part): Promise<Written[]> {
  const { component, name } = part.source;
  const folder = join(run.target, component, fileName(name));
  await mkdir(folder, { recursive: true });
  if (component === "volumes" || component === "config") return [await writeTree(run, part, folder)];
  if (component === "postgres") return writeDumps(run, part, folder);
  return writeTables(run, part, folder);
}

async function writeTree(run: Writing, part: Part, folder: string): Promise<Written> {
  const { source, paths } = part;
  const done = await unpackTree({
    entries: run.point.entries(source),
    read: (content) => run.point.read(content),
    target: folder,
    mode: "fresh",
    paths,
    signal: run.context.signal,
    onBytes: (bytes) => run.progress.add(bytes),
  });
  return { component: source.component, name: source.name, path: folder, files: done.created, rows: null };
}

async function writeDumps(run: Writing, part: Part, folder: string): Promise<Written[]> {
  const written: Written[] = [];
  for await (const entry of run.point.entries(part.source)) {
    if (entry.kind !== "dump" || !takes(part, entry)) continue;
    const path = `${join(folder, ...textPath(entry.path).map(shortName))}${entry.facts["format"] === "custom" ? ".dump" : ".sql"}`;
    await mkdir(join(path, ".."), { recursive: true });
    await writeDump(run, entry, path);
    written.push({ component: "postgres", name: textPath(entry.path).join("/"), path, files: 1, rows: null });
  }
  return written;
}

/** Whole, or not at all: half a dump looks like one. */
async function writeDump(run: Writing, entry: DumpEntry, path: string): Promise<void> {
  const part = `${path}.part`;
  try {
    await pipeline(counted(run, entry), createWriteStream(part, { flags: "wx", mode: 0o600, flush: true }), {
      signal: run.context.signal,
    });
    await renameFile(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function* counted(run: Writing, entry: DumpEntry): AsyncGenerator<Buffer> {
  for await (const piece of run.point.read(entry.content)) {
    run.progress.add(piece.length);
    yield piece;
  }
}

async function writeTables(run: Writing, part: Part, folder: string): Promise<Written[]> {
  const entries: TableEntry[] = [];
  for await (const entry of run.point.entries(part.source)) if (entry.kind === "table") entries.push(entry);
  const files = part.source.component === "mnesia" ? mnesiaFiles(run, part, { folder, entries }) : [];
  for (const entry of part.source.component === "mnesia" ? [] : entries) {
    if (!takes(part, entry)) continue;
    const kind = part.source.component === "ets" ? "ets" : "dets";
    const file = `${join(folder, ...textPath(entry.path).map(shortName))}.${kind === "ets" ? "tab" : "dets"}`;
    files.push({ kind, file, entry });
  }
  for (const { file } of files) await mkdir(join(file, ".."), { recursive: true });
  await writeErlangFiles(agentFolder, {
    files,
    signal: run.context.signal,
    read: async function* (content) {
      for await (const piece of run.point.read(content)) {
        run.progress.add(piece.length);
        yield piece;
      }
    },
  });
  return files.map((file) => ({
    component: part.source.component,
    name: part.source.name,
    path: file.file,
    files: 1,
    rows: (file.kind === "mnesia" ? file.tables : [file.entry]).reduce((sum, { rows }) => sum + rows, 0),
  }));
}

/** One backup of what all nodes share, and one for the local content of each: together they would be mixed up. */
function mnesiaFiles(
  run: Writing,
  part: Part,
  { folder, entries }: { folder: string; entries: readonly TableEntry[] },
): UnpackFile[] {
  const schema = entries.find(({ path }) => path === "schema");
  if (schema === undefined) {
    throw new BackupError("CORRUPT", `mnesia ${part.source.name} has no schema in the restore point`, {
      hint: "Run verify, and take another restore point.",
    });
  }
  const groups = new Map<string, TableEntry[]>();
  for (const entry of entries) {
    if (entry === schema || !takes(part, entry)) continue;
    const [kind = "", node = ""] = textPath(entry.path);
    const name = kind === "local" ? `local-${fileName(node)}.bup` : "mnesia.bup";
    groups.set(name, [...(groups.get(name) ?? []), entry]);
  }
  const rename = Object.fromEntries(run.request.renames);
  return [...groups].map(([name, tables]) => ({ kind: "mnesia", file: join(folder, name), schema, tables, rename }));
}

function report(id: string, { target, written }: { target: string; written: readonly Written[] }): string {
  const lines = [`${id} unpacked to ${target}`, ""];
  for (const { component, path, files, rows } of written) {
    const count =
      rows === null
        ? component === "postgres"
          ? ""
          : `${files.toLocaleString("en-US")} files`
        : `${rows.toLocaleString("en-US")} rows`;
    lines.push(`${path.slice(target.length + 1)}  ${count}`.trimEnd());
  }
  return `${lines.join("\n")}\n`;
}
