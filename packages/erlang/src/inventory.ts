import { BackupError } from "@erlmcp/errors";
import { z } from "zod";

/** What a node says about itself and its tables. It comes from outside: everything is checked, nothing is trusted to fit. */

const optionalName = z.string().transform((name) => (name === "undefined" ? undefined : name));
const names = z.array(z.string());
const count = z.int().nonnegative();
const tableType = z.enum(["set", "ordered_set", "bag", "duplicate_bag"]);
const flag = z.union([z.boolean(), z.string()]).transform(String); // true, false, auto, or undefined where the OTP release has no such option

export const Identity = z.object({
  node: z.string(),
  creation: z.int(), // drawn anew at each start of the node
  otp: z.string(),
  erts: z.string(),
  started_ms: z.int(), // since the epoch
  uptime_ms: z.int(),
  memory_bytes: count,
  super_user: z.boolean(), // private tables can be read
  applications: z.array(z.object({ name: z.string(), version: z.string() })),
});
export type Identity = z.infer<typeof Identity>;

export const EtsTable = z.object({
  ix: z.int(), // the same each time as long as the node lives
  name: z.string(),
  named: z.boolean(),
  type: tableType,
  protection: z.enum(["public", "protected", "private"]),
  keypos: z.int().positive(),
  rows: count,
  bytes: count,
  compressed: flag,
  read_concurrency: flag,
  write_concurrency: flag,
  decentralized_counters: flag,
  owner: optionalName,
  owner_app: optionalName,
  owner_init: optionalName,
});
export type EtsTable = z.infer<typeof EtsTable>;

export const DetsTable = z.object({
  ix: z.int(),
  name: z.string(),
  file: z.string(),
  type: tableType.exclude(["ordered_set"]),
  keypos: z.int().positive(),
  rows: count,
  bytes: count,
  access: z.string(),
  mnesia_index: z.boolean(),
});
export type DetsTable = z.infer<typeof DetsTable>;

export const MnesiaTable = z.object({
  name: z.string(),
  type: tableType,
  storage: z.string(),
  local_content: z.boolean(),
  record_name: z.string(),
  attributes: names,
  index: z.array(z.union([z.string(), z.int()])),
  ram_copies: names,
  disc_copies: names,
  disc_only_copies: names,
  all_nodes: z.union([names, z.string()]),
  read_from: z.string(), // a node, or "nowhere"
  fragment_of: optionalName,
  majority: z.union([z.boolean(), z.string()]),
  load_order: z.union([z.int(), z.string()]),
  rows: count,
  words: count,
});
export type MnesiaTable = z.infer<typeof MnesiaTable>;

export const Mnesia = z.object({
  running: z.enum(["yes", "no", "starting", "stopping"]),
  wanted_by: names,
  directory: z.string(),
  schema_file: z.boolean(),
  version: z.string().optional(),
  use_dir: z.boolean().optional(),
  db_nodes: names.default([]),
  running_nodes: names.default([]),
  commits: count.optional(), // transactions since the start of Mnesia here; those that the application made dirty are not among them
  log_writes: count.optional(), // what was written to disc since then, dirty or not
  tables: z.array(MnesiaTable),
});
export type Mnesia = z.infer<typeof Mnesia>;

export const Inventory = z.object({
  identity: Identity,
  ets: z.array(EtsTable),
  dets: z.array(DetsTable),
  mnesia: Mnesia,
});
export type Inventory = z.infer<typeof Inventory>;

/** @throws BackupError FAILED when the answer is not what the agent sends */
export function parseInventory(answer: unknown): Inventory {
  const parsed = Inventory.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new BackupError("FAILED", `the node's inventory is malformed: ${z.prettifyError(parsed.error).slice(0, 500)}`);
}
