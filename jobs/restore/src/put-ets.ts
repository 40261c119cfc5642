import { fileURLToPath } from "node:url";
import type { TableEntry } from "@erlmcp/entry";
import { loadAgent, restoreEts, type EtsRestored } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import type { Applied, Applying } from "./apply.ts";
import { lookAround } from "./here.ts";
import { agentFolder } from "./local-erl.ts";
import { settingsOf } from "./nodes.ts";
import { takes } from "./parts.ts";
import type { Placed } from "./plan.ts";

/** Puts the rows of a running node's ETS tables back. What could not be put back is a failure, but for tables that are gone. */
export async function putEts(run: Applying, { part, target }: Placed): Promise<Applied> {
  const { source } = part;
  const containers = target.kind === "container" ? target.containers : [];
  const entries: TableEntry[] = [];
  for await (const entry of run.point.entries(source)) {
    if (entry.kind === "table" && takes(part, entry)) entries.push(entry);
  }
  const agent = await loadAgent(fileURLToPath(agentFolder));
  const { here } = await lookAround(run.host, run.settings);
  const restored: EtsRestored[] = [];
  for (const { id } of containers) {
    const read = (content: TableEntry["content"]): AsyncIterable<Uint8Array> => run.point.read(content);
    const options = { engine: run.host.engine, agent, entries, read, signal: run.signal };
    restored.push(...(await restoreEts(options, { container: id, settings: settingsOf(here.sources, id) })));
  }
  const failed = restored.filter(({ verdict }) => verdict === "failed" || verdict === "incompatible");
  if (failed.length > 0) throw notRestored(failed);
  const put = restored.filter(({ verdict }) => verdict === "restored");
  return {
    component: "ets",
    source: source.name,
    targets: containers.map(({ name }) => name),
    counts: {
      tables: put.length,
      rows: put.reduce((sum, { rows }) => sum + rows, 0),
      dead: put.reduce((sum, { dead }) => sum + dead, 0),
      missing: restored.length - put.length,
    },
    notes: restored.flatMap(notesOf),
  };
}

function notesOf({ name, verdict, rows, dead }: EtsRestored): string[] {
  if (verdict === "missing") return [`ets ${name}: the node has no such table; its ${rows} rows are not restored`];
  return dead === 0 ? [] : [`ets ${name}: ${dead} rows hold pids, ports, references or funs of a node that is gone`];
}

function notRestored(failed: readonly EtsRestored[]): BackupError {
  const reasons = failed.map(({ name, reason }) => `${name}: ${reason ?? "unknown"}`);
  return new BackupError("FAILED", `ETS tables could not be restored: ${reasons.slice(0, 5).join("; ")}`, {
    hint: "Leave them out with --only or --table, or unpack them with --to.",
  });
}
