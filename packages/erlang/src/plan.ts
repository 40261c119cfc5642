import type { ErlangSettings } from "@erlmcp/docker";
import type { DetsTable, EtsTable, Inventory, MnesiaTable } from "./inventory.ts";
import { etsPaths, pathOf } from "./table-path.ts";

/** What will be done with one table, and why. A plan is data: a dry run prints it. */
export type TablePlan<T> =
  | {
      action: "skip";
      verdict: "excluded" | "ephemeral" | "unreadable" | "failed";
      name: string;
      reason: string;
      rows?: number;
      bytes?: number;
    }
  | { action: "capture"; name: string; path: string; table: T; mode: CaptureMode; notes: string[] };

/**
 * `suspend`: exact, the owner stands still. `collect`: read until two readings agree. `stream`: as it comes, with a second
 * reading to compare where `check`. `copy`: a DETS file copied while its process stands still. `checkpoint`: Mnesia's own.
 */
export interface CaptureMode {
  kind: "suspend" | "collect" | "stream" | "copy" | "checkpoint";
  check?: boolean;
}

const MiB = 1024 * 1024;
const collectRows = 20_000;
const collectBytes = 8 * MiB;
const checkBytes = 256 * MiB; // above this a second reading costs the node more than it tells

/** Applications of OTP and Elixir: their tables are made anew at each start. */
const systemApps = new Set(
  "kernel stdlib sasl mnesia ssl crypto public_key inets ssh ftp tftp snmp os_mon runtime_tools tools observer compiler logger elixir iex mix eex ex_unit syntax_tools asn1 megaco diameter erts xmerl parsetools debugger et wx".split(
    " ",
  ),
);

/** Processes of the system that belong to no application. */
const systemOwners = new Set(
  "init erl_prim_loader code_server application_controller file_server_2 error_logger logger inet_db inet_gethost_native net_kernel global_name_server erl_epmd auth user user_drv kernel_sup dets dets_sup disk_log_server timer_server rex global_group erts_code_purger pg pg2 ram_file standard_error erlmcp_agent".split(
    " ",
  ),
);

export function planEts(inventory: Inventory, settings: ErlangSettings): TablePlan<EtsTable>[] {
  const mnesia = new Set(inventory.mnesia.tables.map((table) => table.name));
  const paths = etsPaths(inventory.ets);
  const plans = inventory.ets.map((table) => {
    const path = paths.get(table.ix) ?? table.name;
    const skip = whyNot(table, path, { settings, mnesia, superUser: inventory.identity.super_user });
    return skip ?? { action: "capture" as const, name: path, path, table, ...etsMode(table, path, settings) };
  });
  return [...plans, ...missing(inventory, settings, paths)];
}

type Skip = Extract<TablePlan<never>, { action: "skip" }>;

function whyNot(
  table: EtsTable,
  path: string,
  context: { settings: ErlangSettings; mnesia: ReadonlySet<string>; superUser: boolean },
): Skip | undefined {
  const { ets } = context.settings;
  const skip = (verdict: Skip["verdict"], reason: string): Skip => ({
    action: "skip",
    verdict,
    name: path,
    reason,
    rows: table.rows,
    bytes: table.bytes,
  });
  if (context.mnesia.has(table.name)) return skip("excluded", "belongs to Mnesia and is captured there");
  const listed = Array.isArray(ets) && matches(ets, table, path);
  if (Array.isArray(ets) && !listed) return skip("excluded", "not named in label erlmcp.backup.ets");
  if (ets === "none") return skip("excluded", "label erlmcp.backup.ets=none");
  const system = systemReason(table);
  if (system !== undefined && !listed && ets !== "all") return skip("ephemeral", system);
  if (table.protection === "private" && !context.superUser) {
    return skip("unreadable", "private, and this OTP release has no way to read it from outside");
  }
  return undefined;
}

function systemReason(table: EtsTable): string | undefined {
  if (table.owner_app !== undefined && systemApps.has(table.owner_app))
    return `owned by ${table.owner_app}, made anew at each start`;
  if (table.owner !== undefined && systemOwners.has(table.owner))
    return `owned by ${table.owner} of the system, made anew at each start`;
  return undefined;
}

function etsMode(table: EtsTable, path: string, settings: ErlangSettings): { mode: CaptureMode; notes: string[] } {
  const small = table.rows <= collectRows && table.bytes <= collectBytes;
  const usual: CaptureMode = small ? { kind: "collect" } : { kind: "stream", check: table.bytes <= checkBytes };
  if (!matches(settings.etsSuspend, table, path)) return { mode: usual, notes: [] };
  if (table.protection === "public") {
    return { mode: usual, notes: ["not suspended: it is public, anyone may write while its owner stands still"] };
  }
  if (systemReason(table) !== undefined)
    return { mode: usual, notes: ["not suspended: its owner belongs to the system"] };
  return { mode: { kind: "suspend" }, notes: [] };
}

function matches(wanted: readonly string[], table: EtsTable, path: string): boolean {
  return wanted.includes(table.name) || wanted.includes(path);
}

/** Tables that a label names and the node does not have. */
function missing(inventory: Inventory, settings: ErlangSettings, paths: ReadonlyMap<number, string>): Skip[] {
  const labels: [string, readonly string[]][] = [
    ["erlmcp.backup.ets", Array.isArray(settings.ets) ? settings.ets : []],
    ["erlmcp.backup.ets.suspend", settings.etsSuspend],
  ];
  const there = new Set([...inventory.ets.map((table) => table.name), ...paths.values()]);
  return labels.flatMap(([label, wanted]) =>
    wanted
      .filter((name) => !there.has(name))
      .map((name) => ({
        action: "skip" as const,
        verdict: "failed" as const,
        name,
        reason: `named in label ${label}, and not in the node`,
      })),
  );
}

export function planDets(inventory: Inventory, settings: ErlangSettings): TablePlan<DetsTable | { file: string }>[] {
  const { mnesia } = inventory;
  const tables = new Set(mnesia.tables.map((table) => table.name));
  const open = inventory.dets.map((table): TablePlan<DetsTable> => {
    const path = pathOf(table.name);
    if ((table.mnesia_index || tables.has(table.name)) && table.file.startsWith(`${mnesia.directory}/`)) {
      const { rows, bytes } = table;
      return {
        action: "skip",
        verdict: "excluded",
        name: path,
        reason: "belongs to Mnesia and is captured there",
        rows,
        bytes,
      };
    }
    return { action: "capture", name: path, path, table, mode: { kind: "copy" }, notes: [] };
  });
  const files = settings.dets.map((file): TablePlan<{ file: string }> => {
    const path = `files/${pathOf(file)}`;
    const table = inventory.dets.find((candidate) => candidate.file === file);
    if (table === undefined)
      return { action: "capture", name: file, path, table: { file }, mode: { kind: "copy" }, notes: [] };
    return {
      action: "skip",
      verdict: "excluded",
      name: file,
      reason: `open in the node as ${table.name} and captured as that`,
    };
  });
  return [...open, ...files];
}

/** The tables of one checkpoint, made on `node`. */
export function planMnesia(inventory: Inventory): TablePlan<MnesiaTable>[] {
  const { node } = inventory.identity;
  return inventory.mnesia.tables.map((table) => {
    if (table.name === "schema") return capture(table, "schema");
    if (table.local_content) return planLocal(table, node);
    if (table.read_from === "nowhere") {
      const copies = [...table.ram_copies, ...table.disc_copies, ...table.disc_only_copies].join(", ");
      const { rows } = table;
      return {
        action: "skip",
        verdict: "unreadable",
        name: table.name,
        reason: `no live replica: its copies are on ${copies}`,
        rows,
      };
    }
    return capture(table, `tables/${pathOf(table.name)}`);
  });
}

/** The rows that only this node has of the tables with local content. */
export function planMnesiaLocal(inventory: Inventory): TablePlan<MnesiaTable>[] {
  return inventory.mnesia.tables
    .filter((table) => table.local_content)
    .map((table) => planLocal(table, inventory.identity.node));
}

function planLocal(table: MnesiaTable, node: string): TablePlan<MnesiaTable> {
  if (table.read_from === node) return capture(table, `local/${pathOf(node)}/${pathOf(table.name)}`);
  return {
    action: "skip",
    verdict: "excluded",
    name: `${table.name} on ${node}`,
    reason: "local content, and none on this node",
  };
}

function capture(table: MnesiaTable, path: string): TablePlan<MnesiaTable> {
  return { action: "capture", name: table.name, path, table, mode: { kind: "checkpoint" }, notes: [] };
}
