import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import type { AgentFiles } from "./agent.ts";
import { openNode, type ErlangNode, type OpenNode } from "./node.ts";
import type { MnesiaPut } from "./plan-mnesia-put.ts";
import { RequestError } from "./session.ts";
import { stageTable, type Staged } from "./stage.ts";
import type { ReadContent } from "./unpack.ts";
import type { NodeEngine } from "./vm.ts";

export interface RestoreMnesiaOptions {
  readonly engine: NodeEngine;
  readonly agent: AgentFiles;
  readonly puts: readonly MnesiaPut[];
  readonly nodes: ReadonlyMap<string, ErlangNode>; // by the name that each has here
  readonly read: ReadContent;
  readonly signal: AbortSignal;
}

const PutReply = z.object({
  took_us: z.int(),
  tables: z.array(
    z.object({
      name: z.string(),
      rows: z.int(),
      dead: z.int(),
      before: z.int(),
      removed: z.int(),
      written: z.int(),
      found: z.int(),
    }),
  ),
});

/** What became of one table's rows on one node, or of one fragment. */
export interface MnesiaRestored {
  readonly name: string;
  readonly node: string; // that wrote them
  readonly rows: number; // in the restore point
  readonly found: number; // in the table when it was done
  readonly written: number; // all others were as they should be
  readonly removed: number; // keys that the restore point does not have
  readonly dead: number; // rows that hold pids, ports, references or funs of a node that is gone
  readonly took_ms: number; // that other transactions waited for the table
}

/**
 * Puts captured rows back into tables of running nodes, touching no other table and stopping nothing. All rows are staged
 * and compared with what was sent, on every node, before the first table is touched. No transaction of the application
 * sees a state between, and on each node all of it is written or nothing.
 *
 * @throws BackupError SOURCE_FAILED when a node cannot be reached or is lost; FAILED when a node refuses or fails it; CORRUPT
 */
export async function restoreMnesiaTables(options: RestoreMnesiaOptions): Promise<MnesiaRestored[]> {
  const { puts, signal } = options;
  const opened = new Map<string, OpenNode>();
  const staged = new Map<string, Staged[]>();
  try {
    for (const put of puts) {
      signal.throwIfAborted();
      const node = opened.get(put.node) ?? (await open(options, put.node));
      opened.set(put.node, node);
      staged.set(put.node, [...(staged.get(put.node) ?? []), await stage(node, put, options.read)]);
    }
    signal.throwIfAborted();
    const restored: MnesiaRestored[] = [];
    for (const [name, node] of opened) restored.push(...(await putStaged(node, name, staged.get(name) ?? [])));
    for (const { session } of opened.values()) await session.close();
    return restored;
  } catch (error) {
    if (error instanceof RequestError) throw refused(error);
    throw error;
  } finally {
    await Promise.all([...opened.values()].map(({ session }) => session.abort()));
  }
}

async function open(options: RestoreMnesiaOptions, name: string): Promise<OpenNode> {
  const node = options.nodes.get(name);
  if (node === undefined) throw new BackupError("NOT_FOUND", `there is no container for the node ${name}`);
  const found = await openNode(options, node);
  const { identity } = found.inventory;
  if (identity.node === name) return found;
  await found.session.abort();
  throw new BackupError("SOURCE_FAILED", `the node in ${node.container} is ${identity.node} now, not ${name}`);
}

/** Mnesia's keys are the second element of a record. */
function stage({ session }: OpenNode, { entry, table }: MnesiaPut, read: ReadContent): Promise<Staged> {
  const { name, type, record_name: record } = table;
  return stageTable(session, { name, type, keypos: 2, record, entry, read });
}

async function putStaged({ session }: OpenNode, node: string, tables: readonly Staged[]): Promise<MnesiaRestored[]> {
  const { took_us, tables: done } = PutReply.parse(
    await session.request("mnesia_put", { tables: tables.map((one) => ({ ...one })) }),
  );
  return done.map(({ before: _before, ...one }) => ({ ...one, node, took_ms: Math.ceil(took_us / 1000) }));
}

function refused({ code, message }: RequestError): BackupError {
  return new BackupError("FAILED", `Mnesia's tables could not be restored (${code}): ${message}`, {
    hint: "See the log of the node. Restored as a whole, with its nodes stopped, Mnesia takes everything: --only=mnesia.",
  });
}
