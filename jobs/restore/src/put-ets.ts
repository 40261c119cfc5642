import { fileURLToPath } from "node:url";
import type { TableEntry } from "@erlmcp/entry";
import { loadAgent, restoreEts, type EtsRestored } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import type { Applied, Applying } from "./apply.ts";
import { compareRows, type Compared } from "./compare.ts";
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
    if (entry.kind === "table") entries.push(entry);
  }
  const agent = await loadAgent(fileURLToPath(agentFolder));
  const { here } = await lookAround(run.host, run.settings);
  const restored: EtsRestored[] = [];
  for (const { id } of containers) {
    const read = (content: TableEntry["content"]): AsyncIterable<Uint8Array> => run.point.read(content);
    const wants = (entry: TableEntry): boolean => takes(part, entry);
    const options = { engine: run.host.engine, agent, entries, wants, read, signal: run.signal };
    restored.push(...(await restoreEts(options, { container: id, settings: settingsOf(here.sources, id) })));
  }
  const failed = restored.filter(({ verdict }) => verdict === "failed" || verdict === "incompatible");
  if (failed.length > 0) throw notRestored(failed);
  const put = restored.filter(({ verdict }) => verdict === "restored");
  const lost = restored.filter(({ verdict }) => verdict !== "restored").map(lostOf);
  for (const line of lost) run.context.log.warn(line);
  return {
    component: "ets",
    source: source.name,
    targets: containers.map(({ name }) => name),
    counts: {
      tables: put.length,
      rows: put.reduce((sum, { rows }) => sum + rows, 0),
      dead: put.reduce((sum, { dead }) => sum + dead, 0),
      lost: restored.length - put.length,
    },
    lost,
    notes: restored.flatMap(notesOf),
    compared: compared(source.name, put),
  };
}

/** As they were counted when they had been put there, the owner of a table standing still unless anyone may write to it. */
function compared(source: string, put: readonly EtsRestored[]): Compared {
  const differences = put.flatMap(({ name, rows, found, public: open }) =>
    compareRows(name, { expected: rows, found, reason: open ? "public: others write it" : undefined }),
  );
  const how = "rows as they were put there; of each, type and key position";
  return { component: "ets", source, things: "tables", equal: put.length - differences.length, differences, how };
}

function lostOf({ name, rows, reason }: EtsRestored): string {
  return `ets ${name}: its ${rows} rows are not restored: ${reason ?? "unknown"}`;
}

function notesOf({ name, verdict, dead }: EtsRestored): string[] {
  if (verdict !== "restored" || dead === 0) return [];
  return [`ets ${name}: ${dead} rows hold pids, ports, references or funs of a node that is gone`];
}

function notRestored(failed: readonly EtsRestored[]): BackupError {
  const reasons = failed.map(({ name, reason }) => `${name}: ${reason ?? "unknown"}`);
  return new BackupError("FAILED", `ETS tables could not be restored: ${reasons.slice(0, 5).join("; ")}`, {
    hint: "Leave them out with --only or --table, or unpack them with --to.",
  });
}
