import type { ErlangSettings } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import type { Inventory } from "./inventory.ts";
import { planDets, planEts } from "./plan.ts";
import { sameNode } from "./vm.ts";

const otpOnly = new Set([
  "kernel",
  "stdlib",
  "sasl",
  "compiler",
  "mnesia",
  "crypto",
  "ssl",
  "public_key",
  "elixir",
  "logger",
  "iex",
]);

/**
 * Proves that the node is the one that is meant and holds what it should, before anything of it counts as a backup.
 *
 * @throws BackupError SOURCE_FAILED: another name than the label's, Mnesia down where it should run, or a node without any application
 */
export function checkIdentity(inventory: Inventory, wanted: { container: string; settings: ErlangSettings }): void {
  const { identity, mnesia } = inventory;
  if (wanted.settings.node !== undefined && !sameNode(identity.node, wanted.settings.node)) {
    throw new BackupError(
      "SOURCE_FAILED",
      `the node in ${wanted.container} is ${identity.node}, not ${wanted.settings.node}`,
      {
        hint: "Correct the label erlmcp.backup.node, or the container that carries it.",
      },
    );
  }
  if (mnesia.running !== "yes") checkMnesiaMayBeDown(inventory);
  const own = identity.applications.filter((application) => !otpOnly.has(application.name));
  const tables = mnesia.tables.filter((table) => table.name !== "schema");
  const plans = [...planEts(inventory, wanted.settings), ...planDets(inventory, wanted.settings)];
  if (own.length === 0 && tables.length === 0 && !plans.some((plan) => plan.action === "capture")) {
    throw new BackupError("SOURCE_FAILED", `the node ${identity.node} runs no application and holds no table of one`, {
      hint: "Is it the right container, and has the application started?",
    });
  }
}

function checkMnesiaMayBeDown({ identity, mnesia }: Inventory): void {
  const [application] = mnesia.wanted_by;
  const why =
    application === undefined
      ? mnesia.schema_file
        ? `its files lie in ${mnesia.directory}`
        : mnesia.running === "no"
          ? undefined
          : `it is ${mnesia.running}`
      : `the application ${application} needs it`;
  if (why === undefined) return;
  throw new BackupError("SOURCE_FAILED", `Mnesia does not run on ${identity.node}, and ${why}`, {
    hint: "Start Mnesia, or wait until it has started. (RabbitMQ with Khepri keeps its data elsewhere: use its own export of definitions.)",
  });
}
