import { reconcileCatalog, type CatalogLine } from "@erlmcp/catalog";
import { undoQuiesce } from "@erlmcp/docker";
import type { Repository, RepositoryLock } from "@erlmcp/fs";
import { createQuiesceRecord } from "./quiesce-record.ts";
import type { Run } from "./run.ts";

/** What killed runs had left, and was put right. */
export interface Recovered {
  readonly points: readonly CatalogLine[]; // all restore points, oldest first
  readonly undone: readonly string[]; // in words
}

/** Puts right what a killed run left: services that it stopped, containers, staging, the catalog. */
export async function recover(run: Run, repository: Repository, lock: RepositoryLock): Promise<Recovered> {
  const { context, host } = run;
  const undone: string[] = [];
  const record = createQuiesceRecord(repository.root);
  const intent = await record.read();
  if (intent !== undefined) {
    const resumed = await undoQuiesce(host.engine, intent);
    await record.clear();
    context.log.warn({ resumed }, "a killed run had left containers paused or stopped: they run again");
    undone.push(`containers that were paused or stopped run again: ${JSON.stringify(resumed)}`);
  }
  const siblings = await host.engine.removeLeftoverSiblings();
  if (siblings.length > 0) {
    context.log.warn({ siblings }, "removed the containers of killed runs");
    undone.push(`removed the containers of killed runs: ${siblings.map((id) => id.slice(0, 12)).join(", ")}`);
  }
  let points: CatalogLine[] = [];
  const recovered = await repository.recover(lock, async (catalog) => {
    const reconciled = await reconcileCatalog(repository.store, catalog);
    points = reconciled.points;
    for (const { backup_id, reason } of reconciled.unusable) context.log.warn({ backup_id, reason }, "not usable");
    for (const change of reconciled.changes) {
      context.log.warn(`catalog: ${change}`);
      undone.push(`catalog: ${change}`);
    }
    return reconciled.text;
  });
  if (recovered.removed.length > 0) {
    context.log.warn({ removed: recovered.removed }, "removed what killed runs had not finished");
    undone.push(`removed what killed runs had not finished: ${recovered.removed.join(", ")}`);
  }
  return { points, undone };
}
