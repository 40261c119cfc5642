import { BackupError } from "@erlmcp/errors";
import type { AgentFiles } from "./agent.ts";
import type { Engine, Exec, ExecOptions } from "@erlmcp/docker";
import { collect, execFailure, lacksShell } from "./exec-failure.ts";

/** An Erlang VM in a container. `name` may lack its host part, or be empty where the finder may not look. */
export interface Vm {
  pid: string;
  uid: string;
  gid: string;
  name: string;
}

/** What of the engine it takes to get into a node. */
export type NodeEngine = Pick<Engine, "exec" | "beside">;

/** Starts connect.sh where it can see the VM. */
export type Connect = (
  verb: "find" | "session",
  how: Pick<ExecOptions, "user" | "env" | "signal"> & { stdin?: "open" },
) => Promise<Exec>;

/**
 * Lists the VMs of a container: from inside it, or, where it has no shell, from a container beside it that sees its
 * processes and has an OTP of its own.
 *
 * @returns with them the way in, which is that of the session too
 * @throws BackupError SOURCE_FAILED when neither works
 */
export async function findVms(
  engine: NodeEngine,
  agent: AgentFiles,
  { container, signal }: { container: string; signal: AbortSignal },
): Promise<{ vms: Vm[]; connect: Connect }> {
  const words = (verb: string): string[] => ["sh", "-c", agent.connectScript, "connect", verb];
  const inside: Connect = (verb, how) => engine.exec(container, { ...how, cmd: words(verb) });
  const found = await listVms(inside, signal);
  if (found.exitCode === 0) return { vms: parseVms(found.stdout), connect: inside };
  if (!lacksShell(found)) throw execFailure(container, found);
  const beside: Connect = (verb, how) =>
    engine.beside(container, {
      ...how,
      cmd: words(verb),
      env: { ...how.env, ERLMCP_BESIDE: "1" },
      labels: { "erlmcp.job": "node-client" },
    });
  const seen = await listVms(beside, signal);
  if (seen.exitCode !== 0) throw execFailure(container, seen);
  return { vms: parseVms(seen.stdout), connect: beside };
}

async function listVms(
  connect: Connect,
  signal: AbortSignal,
): Promise<{ exitCode: number; stdout: string; text: string }> {
  const process = await connect("find", { user: "0", signal });
  const stdout = await collect(process.stdout);
  const exitCode = await process.exitCode;
  return { exitCode, stdout, text: `${process.stderr()}\n${stdout}` };
}

function parseVms(text: string): Vm[] {
  return text
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
