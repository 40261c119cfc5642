import { reconcileCatalog, type CatalogLine } from "@erlmcp/catalog";
import { undoQuiesce } from "@erlmcp/docker";
import type { Repository, RepositoryLock } from "@erlmcp/fs";
import { createQuiesceRecord } from "./quiesce-record.ts";
import type { Run } from "./run.ts";

/** Puts right what a killed run left: services that it stopped, containers, staging, the catalog. @returns all restore points */
export async function recover(run: Run, repository: Repository, lock: RepositoryLock): Promise<CatalogLine[]> {
  const { context, host } = run;
  const record = createQuiesceRecord(repository.root);
  const intent = await record.read();
  if (intent !== undefined) {
    const resumed = await undoQuiesce(host.engine, intent);
    await record.clear();
    context.log.warn({ resumed }, "a killed run had left containers paused or stopped: they run again");
  }
  const siblings = await host.engine.removeLeftoverSiblings();
  if (siblings.length > 0) context.log.warn({ siblings }, "removed the containers of killed runs");
  let points: CatalogLine[] = [];
  const recovered = await repository.recover(lock, async (catalog) => {
    const reconciled = await reconcileCatalog(repository.store, catalog);
    points = reconciled.points;
    for (const { backup_id, reason } of reconciled.unusable) context.log.warn({ backup_id, reason }, "not usable");
    for (const change of reconciled.changes) context.log.warn(`catalog: ${change}`);
    return reconciled.text;
  });
  if (recovered.removed.length > 0) {
    context.log.warn({ removed: recovered.removed }, "removed what killed runs had not finished");
  }
  return points;
}
