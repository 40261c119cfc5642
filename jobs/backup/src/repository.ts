import { reconcileCatalog, type CatalogLine } from "@erlmcp/catalog";
import { undoQuiesce } from "@erlmcp/docker";
import { openRepository, type Repository, type RepositoryLock } from "@erlmcp/fs";
import { flock } from "@erlmcp/posix";
import { createQuiesceRecord } from "./quiesce-record.ts";
import type { Run } from "./run.ts";

/** Takes the repository for this run alone. @throws BackupError LOCKED, CONFIG_INVALID */
export async function lockRepository(run: Run): Promise<{ repository: Repository; lock: RepositoryLock }> {
  const { context, host, settings } = run;
  const repository = await openRepository({ root: settings.values.BACKUP_ROOT, flock });
  const facts = context.facts();
  const lock = repository.lock("exclusive", {
    job: facts.service,
    command: context.argv.join(" "),
    container: host.self.container.name,
    pid: process.pid,
    started: facts.startedAt.toISOString(),
  });
  return { repository, lock };
}

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
