import { basename, dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import type { TableEntry } from "@erlmcp/entry";
import { loadAgent, restoreEts } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { archiveFile, archiveTree, ownerIn } from "@erlmcp/volumes";
import type { Application } from "./boot.ts";
import type { Drilling } from "./drilling.ts";
import type { NodeFiles } from "./erlang-files.ts";
import { placesOf } from "./recorded.ts";

const agentFolder = fileURLToPath(new URL("./agent", import.meta.url));

/** Puts configuration, Mnesia's backup and DETS files where the application looks for them when it starts. */
export async function putApplicationFiles(
  drilling: Drilling,
  application: Application,
  files: NodeFiles,
): Promise<void> {
  const { host, plan, point } = drilling;
  const { node, id } = application;
  for (const { source } of plan.trees) {
    if (source.component !== "config" || !placesOf(source).some(({ name }) => name === node.place.name)) continue;
    const tar = archiveTree({ entries: point.entries(source), read: (content) => point.read(content) });
    await host.engine.putArchive(id, "/", tar);
  }
  if (files.fallback !== undefined) {
    if (node.directory === undefined) {
      throw new BackupError("CORRUPT", `the restore point does not say where ${node.node} keeps its Mnesia`);
    }
    await putFile(drilling, id, { file: files.fallback, path: join(node.directory, "FALLBACK.BUP") });
  }
  for (const { file, entry } of files.dets) await putFile(drilling, id, { file, path: pathOf(entry) });
}

function pathOf({ facts }: TableEntry): string {
  const { file } = facts;
  if (typeof file === "string" && file.startsWith("/")) return file;
  throw new BackupError("CORRUPT", "the restore point does not say where a DETS file lay");
}

/** The file belongs to whom the folder belongs to: the user that the node runs as. */
async function putFile(
  { host }: Drilling,
  container: string,
  { file, path }: { file: string; path: string },
): Promise<void> {
  const folder = dirname(path);
  const owner = await ownerIn(await host.engine.archive(container, folder));
  const tar = await archiveFile(file, { name: basename(path), mode: 0o644, owner });
  await host.engine.putArchive(container, folder, tar);
}

/** Mnesia removes its backup when it has taken it: one that is still there means that the application runs on something else. */
export async function requireTaken({ host, record }: Drilling, { node, id }: Application): Promise<void> {
  if (node.mnesia === undefined || node.directory === undefined) return;
  const path = join(node.directory, "FALLBACK.BUP");
  try {
    (await host.engine.archive(id, path)).destroy();
  } catch (error) {
    if (error instanceof BackupError && error.code === "NOT_FOUND") return;
    throw error;
  }
  const subject = { component: "mnesia", source: node.mnesia.name } as const;
  record.wrong(subject, `the application in ${node.place.name} is well without having taken ${path}`);
}

/** Puts the rows of ETS tables back into the running application, as a restore does. */
export async function putEtsTables(drilling: Drilling, { node, id }: Application): Promise<void> {
  const { record, host, point, signal } = drilling;
  const source = node.ets;
  if (source === undefined) return;
  const subject = { component: "ets", source: source.name } as const;
  const entries: TableEntry[] = [];
  for await (const entry of point.entries(source)) if (entry.kind === "table") entries.push(entry);
  const agent = await loadAgent(agentFolder);
  const read = (content: TableEntry["content"]): AsyncIterable<Uint8Array> => point.read(content);
  const settings = { node: node.node, cookieFile: undefined, ets: "user", etsSuspend: [], dets: [] } as const;
  const restored = await record.time("load", subject, () =>
    restoreEts({ engine: host.engine, agent, entries, read, signal }, { container: id, settings }),
  );
  for (const { name, verdict, rows, reason } of restored) {
    if (verdict === "restored") continue;
    const what = `its ${rows} rows cannot be put into the running application: ${reason ?? verdict}`;
    if (verdict === "failed" || verdict === "incompatible") record.wrong(subject, what, name);
    else record.notes.push(`ets ${name}: ${what}`);
  }
}
