import { mkdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path/posix";
import type { TableEntry } from "@erlmcp/entry";
import { writeErlangFiles, type UnpackFile } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { nodesOf } from "@erlmcp/host";
import { archiveFile, ownerIn, type Owner } from "@erlmcp/volumes";
import type { Applied, Applying } from "./apply.ts";
import { agentFolder } from "./local-erl.ts";
import { takes } from "./parts.ts";
import type { Placed } from "./plan.ts";
import { renamePath } from "./rename-path.ts";
import { textPath } from "./text-path.ts";

/**
 * Puts into each stopped node's Mnesia folder a backup of its own that Mnesia takes instead of all that it finds there, by
 * itself, when it starts: what all nodes share, and what is local to this one.
 */
export async function putMnesia(run: Applying, { part }: Placed): Promise<Applied> {
  const { source } = part;
  const entries = await tablesOf(run, part);
  const schema = entries.find(({ path }) => path === "schema");
  if (schema === undefined)
    throw new BackupError("CORRUPT", `mnesia ${source.name} has no schema in the restore point`);
  let rows = 0;
  const places = run.intent.nodes.filter(({ recorded, directory }) => isOf(source, recorded) && directory !== null);
  if (places.length !== nodesOf(source).length) {
    throw new BackupError("FAILED", `it is not known where all nodes of mnesia ${source.name} are to be restored`);
  }
  for (const { recorded, container, directory } of places) {
    const tables = entries.filter((entry) => entry !== schema && isForNode(entry, recorded));
    const file = join(run.scratch, "FALLBACK.BUP");
    const rename = run.intent.renames;
    await build(run, [{ kind: "mnesia", file, schema, tables, rename }]);
    await putFile(run, { container, file, path: join(directory ?? "", "FALLBACK.BUP"), mode: 0o644 });
    await rm(file);
    rows = Math.max(rows, sum(tables));
  }
  const counts = { tables: entries.length - 1, rows, nodes: places.length };
  return { component: "mnesia", source: source.name, targets: places.map(({ node }) => node), counts, notes: [] };
}

function isOf(source: Placed["part"]["source"], recorded: string): boolean {
  return nodesOf(source).some(({ node }) => node === recorded);
}

/** `tables/NAME` belongs to all nodes, `local/NODE/NAME` to one. */
function isForNode({ path }: TableEntry, node: string): boolean {
  const [kind, of] = textPath(path);
  return kind === "tables" || of === node;
}

/** Builds each DETS file anew and puts it in the old one's place, its node standing still. */
export async function putDets(run: Applying, { part, target }: Placed): Promise<Applied> {
  const { source } = part;
  const containers = target.kind === "container" ? target.containers : [];
  const entries = (await tablesOf(run, part)).filter((entry) => takes(part, entry));
  const renames = new Map(Object.entries(run.intent.renames));
  const files = entries.map((entry, at) => ({
    kind: "dets" as const,
    file: join(run.scratch, `${at}.dets`),
    entry,
    path: renamePath(fileOf(source.name, entry), renames),
  }));
  await build(run, files);
  for (const { file, path } of files) {
    for (const { id } of containers) await putFile(run, { container: id, file, path, mode: 0o644 });
    await rm(file);
  }
  const counts = { tables: entries.length, rows: sum(entries) };
  return { component: "dets", source: source.name, targets: containers.map(({ name }) => name), counts, notes: [] };
}

/** Where a table's file lies in the container. */
function fileOf(source: string, { facts }: TableEntry): string {
  const { file } = facts;
  if (typeof file === "string" && file.startsWith("/")) return file;
  throw new BackupError("CORRUPT", `the restore point does not say where a DETS file of ${source} lay`);
}

function sum(entries: readonly TableEntry[]): number {
  return entries.reduce((total, { rows }) => total + rows, 0);
}

async function tablesOf(run: Applying, { source }: Placed["part"]): Promise<TableEntry[]> {
  const entries: TableEntry[] = [];
  for await (const entry of run.point.entries(source)) if (entry.kind === "table") entries.push(entry);
  return entries;
}

async function build(run: Applying, files: readonly UnpackFile[]): Promise<void> {
  await mkdir(run.scratch, { recursive: true });
  await writeErlangFiles(agentFolder, {
    files,
    signal: run.signal,
    read: async function* (content) {
      for await (const piece of run.point.read(content)) {
        run.progress.add(piece.length);
        yield piece;
      }
    },
  });
}

interface PutFile {
  readonly container: string;
  readonly file: string; // here
  readonly path: string; // there
  readonly mode: number;
}

/** The file belongs to whom the folder belongs to: the user that the node runs as. */
async function putFile({ host }: Applying, { container, file, path, mode }: PutFile): Promise<void> {
  const folder = dirname(path);
  const owner = await ownerOf(host.engine, container, folder);
  await host.engine.putArchive(container, folder, await archiveFile(file, { name: basename(path), mode, owner }));
}

async function ownerOf(engine: Applying["host"]["engine"], container: string, folder: string): Promise<Owner> {
  try {
    return await ownerIn(await engine.archive(container, folder));
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "NOT_FOUND") throw error;
    throw new BackupError("NOT_FOUND", `${folder} is not there in container ${container.slice(0, 12)}`, {
      hint: "Start the container once, so that it makes its folders, and run it again.",
      cause: error,
    });
  }
}
