import type { AgentFiles } from "./agent.ts";
import type { ErlangSettings } from "@erlmcp/docker";
import { checkIdentity } from "./identity.ts";
import { parseInventory, type Inventory } from "./inventory.ts";
import { Session } from "./session.ts";
import { chooseVm, findVms, type NodeEngine } from "./vm.ts";

/** A container with an Erlang node in it, as its labels describe it. */
export interface ErlangNode {
  container: string; // ID or name
  settings: ErlangSettings;
}

/** A node that we are in, and that has proven to be the one that is meant. */
export interface OpenNode {
  container: string; // as it was given
  session: Session;
  inventory: Inventory;
  settings: ErlangSettings;
}

/** @throws BackupError SOURCE_FAILED with the reason why the node cannot be captured */
export async function openNode(
  options: { engine: NodeEngine; agent: AgentFiles; signal: AbortSignal },
  node: ErlangNode,
): Promise<OpenNode> {
  const { engine, agent, signal } = options;
  const { container, settings } = node;
  const { vms, connect } = await findVms(engine, agent, { container, signal });
  const vm = chooseVm(vms, container, settings.node);
  const session = await Session.open(connect, agent, { container, vm, cookieFile: settings.cookieFile, signal });
  try {
    const inventory = parseInventory(await session.request("inventory", {}));
    checkIdentity(inventory, { container, settings });
    return { container, session, inventory, settings };
  } catch (error) {
    await session.abort();
    throw error;
  }
}
