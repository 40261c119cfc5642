import type { AgentFiles } from "./agent.ts";
import type { ExecEngine } from "./engine.ts";
import { checkIdentity } from "./identity.ts";
import { parseInventory, type Inventory } from "./inventory.ts";
import type { NodeSettings } from "./plan.ts";
import { Session } from "./session.ts";
import { chooseVm, findVms } from "./vm.ts";

/** A container with an Erlang node in it, as its labels describe it. */
export interface ErlangNode {
  container: string; // ID or name
  node?: string; // label erlmcp.backup.node
  cookieFile?: string; // label erlmcp.backup.cookie-file
  settings: NodeSettings;
}

/** A node that we are in, and that has proven to be the one that is meant. */
export interface OpenNode {
  session: Session;
  inventory: Inventory;
  settings: NodeSettings;
}

/** @throws BackupError SOURCE_FAILED with the reason why the node cannot be captured */
export async function openNode(
  options: { engine: ExecEngine; agent: AgentFiles; signal: AbortSignal },
  node: ErlangNode,
): Promise<OpenNode> {
  const { engine, agent, signal } = options;
  const { container, settings } = node;
  const vm = chooseVm(await findVms(engine, agent, { container, signal }), container, node.node);
  const session = await Session.open(engine, agent, { container, vm, cookieFile: node.cookieFile, signal });
  try {
    const inventory = parseInventory(await session.request("inventory", {}));
    checkIdentity(inventory, { container, node: node.node, settings });
    return { session, inventory, settings };
  } catch (error) {
    session.abort();
    throw error;
  }
}
