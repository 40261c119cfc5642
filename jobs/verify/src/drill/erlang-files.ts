import { randomBytes } from "node:crypto";
import { copyFile, link, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf, type TableEntry } from "@erlmcp/entry";
import {
  createRowSummer,
  encodeDrillPlan,
  writeErlangFiles,
  type DrillTable,
  type RowSum,
  type UnpackFile,
} from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import type { ManifestSource } from "@erlmcp/manifest";
import type { ErlangCheck } from "./checks.ts";
import type { Drilling } from "./drilling.ts";
import { workFolder } from "./intent.ts";
import type { DrilledNode } from "./plan.ts";
import type { Subject } from "./record.ts";

const agentFolder = new URL("./agent/", import.meta.url); // beside the job's bundle, as the image has it

/** A Mnesia table as it was captured; `node` when it is one node's own content. */
export interface MnesiaTable {
  readonly path: string;
  readonly entry: TableEntry;
  readonly sum: RowSum;
  readonly node: string | undefined;
}

/** One node's files, written; all of it lies in the drill's own volume, at the same place here and in the node's container. */
export interface NodeFiles {
  readonly node: DrilledNode;
  readonly folder: string;
  readonly fallback: string | undefined; // a copy of what Mnesia takes, and removes
  readonly mnesia: readonly MnesiaTable[];
  readonly ets: readonly DrillTable[];
  readonly dets: readonly DrillTable[];
}

/** A file that OTP is to write, and the captured tables in it. */
interface Wanted {
  readonly subject: Subject;
  readonly file: UnpackFile;
  readonly tables: readonly TableEntry[];
}

/**
 * Has OTP write the files of one node from what was captured, and adds up its rows on the way. A table that it cannot be done with is
 * named, and is not among the files.
 */
export async function writeNodeFiles(drilling: Drilling, node: DrilledNode): Promise<NodeFiles> {
  const folder = join(workFolder, node.key);
  await mkdir(join(folder, "mnesia"), { recursive: true });
  const sums = new Sums(drilling);
  const mnesia = await mnesiaFile(drilling, node, join(folder, "FALLBACK.BUP"));
  const ets = await tableFiles(drilling, node.ets, { folder, kind: "ets" });
  const dets = await tableFiles(drilling, node.dets, { folder, kind: "dets" });
  const written = await writeFiles(drilling, sums, [...mnesia, ...ets, ...dets]);
  const [taken] = mnesia.filter((one) => written.has(one));
  if (taken !== undefined) await link(taken.file.file, join(folder, "mnesia", "FALLBACK.BUP"));
  const summed = (entry: TableEntry) => ({ path: pathText(entry), entry, sum: sums.of(entry) });
  const loaded = (files: readonly Wanted[]): DrillTable[] =>
    files
      .filter((one) => written.has(one))
      .flatMap(({ file, tables }) => tables.map((entry) => ({ ...summed(entry), file: file.file })));
  return {
    node,
    folder,
    fallback: taken?.file.file,
    mnesia: taken?.tables.map((entry) => ({ ...summed(entry), node: ownerOf(entry) })) ?? [],
    ets: loaded(ets),
    dets: loaded(dets),
  };
}

/** All at once; where that fails, one by one, to learn which of them it is. */
async function writeFiles(drilling: Drilling, sums: Sums, wanted: readonly Wanted[]): Promise<Set<Wanted>> {
  const { signal, record } = drilling;
  const read = (content: TableEntry["content"]): AsyncGenerator<Buffer> => sums.read(content);
  const write = (some: readonly Wanted[]): Promise<unknown> =>
    writeErlangFiles(agentFolder, { files: some.map(({ file }) => file), read, signal });
  try {
    await write(wanted);
    return new Set(wanted);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError) || !(error.code === "FAILED" || error.code === "CORRUPT")) throw error;
    drilling.context.log.warn({ reason: error.message }, "OTP does not write the files; trying them one by one");
  }
  const written = new Set<Wanted>();
  for (const one of wanted) {
    if (await namesWrong(drilling, sums, one)) continue;
    const done = await record.attempt(one.subject, async () => {
      await write([one]);
      return true;
    });
    if (done === true) written.add(one);
  }
  return written;
}

/** Whether a file's tables hold other rows than they say; each of them is named. */
async function namesWrong({ record }: Drilling, sums: Sums, { subject, tables }: Wanted): Promise<boolean> {
  const before = record.findings.length;
  for (const entry of tables) {
    try {
      for await (const _ of sums.read(entry.content));
    } catch (error) {
      if (!(error instanceof BackupError) || error.code !== "CORRUPT") throw error;
      record.wrong(subject, error.message, pathText(entry));
      continue;
    }
    const { rows } = sums.of(entry);
    if (rows === entry.rows) continue;
    record.wrong(subject, `the restore point holds ${rows} rows of it, and says ${entry.rows}`, pathText(entry));
  }
  return record.findings.length > before;
}

async function mnesiaFile(drilling: Drilling, node: DrilledNode, file: string): Promise<Wanted[]> {
  if (node.mnesia === undefined) return [];
  const entries = await tablesOf(drilling, node.mnesia);
  const schema = entries.find(({ path }) => path === "schema");
  if (schema === undefined) throw new BackupError("CORRUPT", "it has no schema in the restore point");
  const tables = entries.filter((entry) => entry !== schema && isForNode(entry, node.node));
  const subject = { component: "mnesia", source: node.mnesia.name } as const;
  return [{ subject, file: { kind: "mnesia", file, schema, tables }, tables }];
}

/** What the node needs besides: the plan, its program, and a cookie that the nodes of this drill share with nobody else. */
export async function writeNodePlan(
  { node, folder, fallback, mnesia, ets, dets }: NodeFiles,
  { checks, cookie }: { checks: readonly ErlangCheck[]; cookie: string },
): Promise<void> {
  const plan = encodeDrillPlan({
    mnesia:
      fallback === undefined
        ? undefined
        : { directory: join(folder, "mnesia"), peers: node.peers, alone: node.alone, tables: mnesia },
    ets,
    dets,
    checks,
  });
  await writeFile(join(folder, "plan"), plan);
  await copyFile(new URL("erlmcp_drill.beam", agentFolder), join(folder, "erlmcp_drill.beam"));
  await writeFile(join(folder, ".erlang.cookie"), cookie, { mode: 0o400 });
}

export function newCookie(): string {
  return randomBytes(18).toString("hex");
}

async function tablesOf({ point }: Drilling, source: ManifestSource): Promise<TableEntry[]> {
  const entries: TableEntry[] = [];
  for await (const entry of point.entries(source)) if (entry.kind === "table") entries.push(entry);
  return entries;
}

async function tableFiles(
  drilling: Drilling,
  source: ManifestSource | undefined,
  { folder, kind }: { folder: string; kind: "ets" | "dets" },
): Promise<Wanted[]> {
  if (source === undefined) return [];
  const entries = await tablesOf(drilling, source);
  await mkdir(join(folder, kind), { recursive: true });
  const subject = { component: kind, source: source.name };
  return entries.map((entry, at) => ({
    subject,
    file: { kind, file: join(folder, kind, `${at}.${kind}`), entry },
    tables: [entry],
  }));
}

/** `tables/NAME` belongs to all nodes, `local/NODE/NAME` to one. */
function isForNode(entry: TableEntry, node: string): boolean {
  const owner = ownerOf(entry);
  return owner === undefined || owner === node;
}

function ownerOf(entry: TableEntry): string | undefined {
  const [kind, owner] = pathText(entry).split("/");
  return kind === "local" ? owner : undefined;
}

function pathText({ path }: TableEntry): string {
  return bytesOf(path).toString("utf8");
}

/** Adds up contents while they are read. */
class Sums {
  readonly #drilling: Drilling;
  readonly #sums = new Map<TableEntry["content"], RowSum>();

  constructor(drilling: Drilling) {
    this.#drilling = drilling;
  }

  async *read(content: TableEntry["content"]): AsyncGenerator<Buffer> {
    const { point, progress } = this.#drilling;
    const summer = createRowSummer();
    for await (const block of point.read(content)) {
      summer.add(block);
      progress.add(block.length);
      yield block;
    }
    this.#sums.set(content, summer.end());
  }

  of({ content }: TableEntry): RowSum {
    const sum = this.#sums.get(content);
    if (sum === undefined) throw new BackupError("FAILED", "a table was not read to its end");
    return sum;
  }
}
