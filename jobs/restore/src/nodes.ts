import { fileURLToPath } from "node:url";
import type { Container, ErlangSettings, Source } from "@erlmcp/docker";
import { loadAgent, lookAtNode, type Inventory, type Member } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { nodesOf } from "@erlmcp/host";
import type { RestorePoint } from "@erlmcp/restore-point";
import { agentFolder } from "./local-erl.ts";
import { mnesiaProblems } from "./mnesia-plan.ts";
import type { Placed, Problem } from "./plan.ts";
import { renamePath } from "./rename-path.ts";
import type { Run } from "./run.ts";
import type { Here } from "./targets.ts";

/** A captured node and the one that takes its place. */
export interface NodePlace {
  readonly recorded: string;
  readonly node: string; // its name here
  readonly container: string; // ID
  readonly directory: string | null; // of Mnesia, in the container; null where nothing of Mnesia is restored
}

/**
 * Where each captured node is restored to. A node's Mnesia belongs to its name: that the names fit is asked of the running
 * nodes, as long as they run.
 */
export async function placeNodes(
  run: Run,
  {
    point,
    placed,
    here,
    renames,
  }: { point: RestorePoint; placed: readonly Placed[]; here: Here; renames: ReadonlyMap<string, string> },
): Promise<{ nodes: NodePlace[]; problems: Problem[] }> {
  const nodes = new Map<string, NodePlace>();
  const inventories = new Map<string, Inventory>();
  const problems: Problem[] = [];
  for (const { part, target } of placed) {
    if (target.kind !== "container") continue;
    const wanted = part.source.component === "mnesia";
    for (const [at, recorded] of nodesOf(part.source).entries()) {
      const container = target.containers[at];
      const known = nodes.get(recorded.node);
      if (container === undefined || (known !== undefined && (known.directory !== null || !wanted))) continue;
      const found = inventories.get(recorded.node) ?? (await look(run, here.sources, container));
      if (!("unknown" in found)) inventories.set(recorded.node, found);
      const name = renames.get(recorded.node) ?? recorded.node;
      problems.push(...compare({ recorded, name, container }, found));
      const directory = wanted ? directoryFor(recorded, { name, found }) : null;
      nodes.set(recorded.node, { recorded: recorded.node, node: name, container: container.id, directory });
    }
  }
  const { acceptSchema, acceptRamTables: ramTables } = run.request;
  for (const { part } of placed) {
    if (part.source.component !== "mnesia") continue;
    const members = membersOf(part.source, inventories);
    problems.push(...(await mnesiaProblems(point, part, { members, renames, acceptSchema, ramTables })));
  }
  return { nodes: [...nodes.values()], problems: unique(problems) };
}

function membersOf(source: Placed["part"]["source"], inventories: ReadonlyMap<string, Inventory>): Member[] {
  return nodesOf(source).flatMap(({ node }) => {
    const inventory = inventories.get(node);
    return inventory === undefined ? [] : [{ recorded: node, inventory }];
  });
}

type Recorded = ReturnType<typeof nodesOf>[number];
type Found = Inventory | { readonly unknown: string };

export async function look(run: Run, sources: readonly Source[], container: Container): Promise<Found> {
  if (container.state !== "running") return { unknown: `it is ${container.state}` };
  const agent = await loadAgent(fileURLToPath(agentFolder));
  try {
    const where = { container: container.id, settings: settingsOf(sources, container.id) };
    return await lookAtNode({ engine: run.host.engine, agent, signal: run.context.signal }, where);
  } catch (error) {
    if (error instanceof BackupError && error.code === "SOURCE_FAILED") return { unknown: error.message };
    throw error;
  }
}

/** What a container's labels say of its node. @throws BackupError NOT_FOUND */
export function settingsOf(sources: readonly Source[], container: string): ErlangSettings {
  for (const source of sources)
    if (source.kind === "erlang" && source.container.id === container) return source.settings;
  throw new BackupError("NOT_FOUND", `container ${container} is no Erlang node by its labels`);
}

function compare(
  { recorded, name, container }: { recorded: Recorded; name: string; container: Container },
  found: Found,
): Problem[] {
  if ("unknown" in found) {
    const message = `the node in ${container.name} cannot be asked for its name (${found.unknown}): it must be ${name}`;
    return [{ severity: "warn", message, hint: "Give --rename-node=OLD=NEW if it is called otherwise." }];
  }
  const { node, otp } = found.identity;
  const problems: Problem[] = [];
  if (node !== name) {
    problems.push({
      severity: "refuse",
      message: `the node in ${container.name} is ${node}, and the restore point has ${recorded.node}`,
      hint: `Mnesia belongs to a node's name: say --rename-node=${recorded.node}=${node}.`,
    });
  }
  if (otp !== recorded.otp) {
    const message = `${container.name} has OTP ${otp}, and the restore point comes from OTP ${recorded.otp}`;
    problems.push({ severity: Number(otp) < Number(recorded.otp) - 2 ? "refuse" : "warn", message, hint: undefined });
  }
  return problems;
}

/** The directory that the node uses now; of one that cannot be asked, the recorded one with its new name in it. */
function directoryFor(recorded: Recorded, { name, found }: { name: string; found: Found }): string {
  if (!("unknown" in found)) return found.mnesia.directory;
  if (recorded.directory === undefined) {
    throw new BackupError("CORRUPT", `the restore point does not say where ${recorded.node} keeps its Mnesia`);
  }
  return renamePath(recorded.directory, new Map([[recorded.node, name]]));
}

function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
}
