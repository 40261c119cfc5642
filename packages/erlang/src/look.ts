import type { AgentFiles } from "./agent.ts";
import { parseInventory, type Inventory } from "./inventory.ts";
import type { ErlangNode } from "./node.ts";
import { Session } from "./session.ts";
import { chooseVm, findVms, type NodeEngine } from "./vm.ts";

/**
 * What a running node says of itself and its tables; nothing is demanded of it, unlike of one that is captured.
 *
 * @throws BackupError SOURCE_FAILED when there is none in the container, or it cannot be reached
 */
export async function lookAtNode(
  options: { engine: NodeEngine; agent: AgentFiles; signal: AbortSignal },
  { container, settings }: ErlangNode,
): Promise<Inventory> {
  const { engine, agent, signal } = options;
  const { vms, connect } = await findVms(engine, agent, { container, signal });
  const vm = chooseVm(vms, container, settings.node);
  const session = await Session.open(connect, agent, { container, vm, cookieFile: settings.cookieFile, signal });
  try {
    const inventory = parseInventory(await session.request("inventory", {}));
    await session.close();
    return inventory;
  } finally {
    await session.abort();
  }
}
