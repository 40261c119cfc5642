import { openRepository, type Repository, type RepositoryLock } from "@erlmcp/fs";
import type { JobContext, Settings } from "@erlmcp/job";
import { flock } from "@erlmcp/posix";
import type { Encryption, RestorePointAccess } from "@erlmcp/restore-point";
import type { Host } from "./host.ts";

/** The local repository. @throws BackupError CONFIG_INVALID when it can't be written */
export function openLocal({ values }: Settings): Promise<Repository> {
  return openRepository({ root: values.BACKUP_ROOT, flock });
}

/**
 * Takes the repository: for this run alone, or together with others that only read.
 *
 * @param host undefined for a job that needs no engine
 * @throws BackupError LOCKED
 */
export function lockFor(
  context: JobContext,
  host: Host | undefined,
  { repository, kind }: { repository: Repository; kind: "exclusive" | "shared" },
): RepositoryLock {
  const facts = context.facts();
  return repository.lock(kind, {
    job: facts.service,
    command: context.argv.join(" "),
    container: host?.self.container.name ?? facts.hostname,
    pid: process.pid,
    started: facts.startedAt.toISOString(),
  });
}

/** How the restore points of a repository are opened. */
export function accessTo(repository: Repository, encryption: Encryption | undefined): RestorePointAccess {
  return {
    store: repository.store,
    keyring: encryption?.keyring,
    open: (id, name) => repository.openObject(id, name),
  };
}
