import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What is sent into a node: made from this package's `agent` folder when the image is built. */
export interface AgentFiles {
  connectScript: string; // runs in the container's shell
  client: Buffer; // erlmcp_client.beam, for the VM beside the node
  agent: Buffer; // erlmcp_agent.beam, for the node
}

/** @param folder where connect.sh and the compiled modules lie */
export async function loadAgent(folder: string): Promise<AgentFiles> {
  const [connectScript, client, agent] = await Promise.all([
    readFile(join(folder, "connect.sh"), "utf8"),
    readFile(join(folder, "erlmcp_client.beam")),
    readFile(join(folder, "erlmcp_agent.beam")),
  ]);
  return { connectScript, client, agent };
}
