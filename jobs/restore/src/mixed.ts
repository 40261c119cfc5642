import type { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { Request } from "./cli.ts";

/** What was given, as far as it may not go together. */
export interface Given {
  readonly point: boolean;
  readonly at?: string | undefined;
  readonly only?: ReadonlySet<Component> | undefined;
  readonly table: readonly string[];
  readonly database: readonly string[];
  readonly volume: readonly string[];
  readonly path: readonly string[];
  readonly to?: string | undefined;
  readonly renameNode: readonly string[];
  readonly dryRun: boolean;
  readonly skipVerification: boolean;
  readonly safetyBackup: boolean;
  readonly acceptSchemaChange: boolean;
}

/**
 * Flags that contradict each other or would be passed over in silence: each is named, with what to do instead.
 *
 * @throws BackupError USAGE
 */
export function refuseMixed(action: Request["action"], given: Given): void {
  if (given.point && given.at !== undefined) throw usage("a restore point and --at exclude each other");
  if (action === "restore" || action === "unpack") {
    if (!given.point && given.at === undefined) throw usage("which restore point? Give its ID, latest or --at");
    refuseLeftOut(given);
    return;
  }
  const flags = flagsOf(given);
  if (flags.length === 0) return;
  const goesOn = action === "resume" || action === "abort";
  throw usage(
    `--${action} takes no ${flags.join(", ")}`,
    goesOn ? "It goes on with the restore that was cut off, as that was begun." : undefined,
  );
}

function flagsOf(given: Given): string[] {
  const flags: [string, boolean][] = [
    ["restore point", given.point],
    ["--at", given.at !== undefined],
    ["--only", given.only !== undefined],
    ["--table", given.table.length > 0],
    ["--database", given.database.length > 0],
    ["--volume", given.volume.length > 0],
    ["--path", given.path.length > 0],
    ["--to", given.to !== undefined],
    ["--rename-node", given.renameNode.length > 0],
    ["--dry-run", given.dryRun],
    ["--skip-verification", given.skipVerification],
    ["--no-safety-backup", !given.safetyBackup],
    ["--accept-schema-change", given.acceptSchemaChange],
  ];
  return flags.filter(([, is]) => is).map(([name]) => name);
}

const tablesOf: readonly Component[] = ["ets", "dets", "mnesia", "postgres"];

/** Something named one by one, of a component that --only leaves out. */
function refuseLeftOut({ only, table, database, volume, path }: Given): void {
  if (only === undefined) return;
  const named = [
    ...table.map((name) => ({ flag: `--table=${name}`, of: tableKinds(name) })),
    ...database.map((name) => ({ flag: `--database=${name}`, of: ["postgres"] as const })),
    ...volume.map((name) => ({ flag: `--volume=${name}`, of: ["volumes"] as const })),
    ...path.map((name) => ({ flag: `--path=${name}`, of: ["volumes", "config"] as const })),
  ];
  const wrong = named.find(({ of }) => !of.some((component) => only.has(component)));
  if (wrong === undefined) return;
  throw usage(
    `${wrong.flag} is in ${wrong.of.join(" or ")}, which --only=${[...only].join(",")} leaves out`,
    "What is named one by one needs no --only.",
  );
}

function tableKinds(name: string): readonly Component[] {
  const prefix = tablesOf.find((component) => name.startsWith(`${component}:`));
  return prefix === undefined ? tablesOf : [prefix];
}

function usage(message: string, hint = "See restore --help."): BackupError {
  return new BackupError("USAGE", message, { hint });
}
