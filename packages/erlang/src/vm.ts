import { BackupError } from "@erlmcp/errors";
import type { AgentFiles } from "./agent.ts";
import type { Engine } from "@erlmcp/docker";
import { collect, execFailure } from "./exec-failure.ts";

/** An Erlang VM in a container. `name` may lack its host part, or be empty where the finder may not look. */
export interface Vm {
  pid: string;
  uid: string;
  gid: string;
  name: string;
}

/** Lists the VMs of a container. @throws BackupError SOURCE_FAILED when the container has no shell or is not running */
export async function findVms(
  engine: Pick<Engine, "exec">,
  agent: AgentFiles,
  options: { container: string; signal: AbortSignal },
): Promise<Vm[]> {
  const { container, signal } = options;
  const cmd = ["sh", "-c", agent.connectScript, "connect", "find"];
  const process = await engine.exec(container, { cmd, user: "0", signal });
  const stdout = await collect(process.stdout);
  const exitCode = await process.exitCode;
  if (exitCode !== 0) throw execFailure(container, { exitCode, text: `${process.stderr()}\n${stdout}` });
  return stdout
    .split("\n")
    .map((line) => /^(\d+) (\d+) (\d+) (.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid = "", uid = "", gid = "", name = ""]) => ({ pid, uid, gid, name }));
}

/**
 * The one VM that is meant. Pure.
 *
 * @param wanted the label erlmcp.backup.node: a name, with or without host
 * @throws BackupError SOURCE_FAILED for none, or several that the label does not tell apart
 */
export function chooseVm(vms: readonly Vm[], container: string, wanted: string | undefined): Vm {
  const named = wanted === undefined ? vms : vms.filter((vm) => sameNode(vm.name, wanted));
  const [only] = named.length === 0 && vms.length === 1 ? vms : named;
  if (vms.length === 0) {
    throw new BackupError("SOURCE_FAILED", `container ${container} runs no Erlang VM`, {
      hint: "Is the label erlmcp.backup.erlang on the right container, and has the node started?",
    });
  }
  if (only === undefined || named.length > 1) {
    const names = vms.map((vm) => `${vm.name || "unnamed"} (process ${vm.pid})`).join(", ");
    throw new BackupError("SOURCE_FAILED", `container ${container} runs several Erlang VMs: ${names}`, {
      hint: "Set the label erlmcp.backup.node to the name of the one to back up.",
    });
  }
  return only;
}

/** True when two node names mean the same node; a name without host matches any host. */
export function sameNode(left: string, right: string): boolean {
  if (left.includes("@") && right.includes("@")) return left === right;
  return left.split("@")[0] === right.split("@")[0];
}
