import { chooseBase, type CatalogLine } from "@erlmcp/catalog";
import type { BackupType, Chunking } from "@erlmcp/manifest";
import { defaultChunking } from "@erlmcp/pack";
import { accessTo } from "@erlmcp/host";
import { openGeneration, whyUnusable, type Generation, type RestorePointAccess } from "@erlmcp/restore-point";
import type { LockedRun } from "./run.ts";

/** What this run builds on. */
export interface Base {
  readonly type: BackupType; // what is made: a full where an incremental was asked for and has no base
  readonly generation: Generation | undefined;
  readonly chunking: Chunking;
  readonly notes: readonly string[]; // for the log and the receipt
}

/** An incremental's base, or the decision to take a full, with its reason. */
export async function chooseAndOpenBase(run: LockedRun): Promise<Base> {
  const { type } = run.request;
  const full = { generation: undefined, chunking: defaultChunking };
  if (type !== "incremental") return { ...full, type, notes: [] };
  const access = accessTo(run.repository, run.encryption);
  const choice = await chooseBase(run.points, {
    cipher: run.encryption?.cipher ?? "none",
    keyIds: undefined, // opening it tells, also for a passphrase, whose key IDs depend on the salt
    chunking: defaultChunking,
    unreadable: (id) => whyUnusable(access, id),
  });
  if (choice.base === undefined) {
    return { ...full, type: "full", notes: [`a full is taken instead of an incremental: ${choice.reason}`] };
  }
  const { ids, notes } = await usable(access, choice.base, choice.generation);
  const generation = await openGeneration(access, ids);
  return {
    type,
    generation,
    chunking: generation.base.head.chunking,
    notes: [`base: ${choice.reason}`, ...notes],
  };
}

/** An incremental of the generation that is damaged is not deduplicated against; that costs space and nothing else. */
async function usable(
  access: RestorePointAccess,
  base: CatalogLine,
  generation: readonly CatalogLine[],
): Promise<{ ids: string[]; notes: string[] }> {
  const ids = [base.backup_id];
  const notes: string[] = [];
  for (const { backup_id: id } of generation) {
    if (id === base.backup_id) continue;
    const reason = await whyUnusable(access, id);
    if (reason === undefined) ids.push(id);
    else notes.push(`${id} ${reason}: nothing is reused from it; run verify`);
  }
  return { ids, notes };
}
