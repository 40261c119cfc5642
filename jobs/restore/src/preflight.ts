import { availableParallelism } from "node:os";
import { BackupError } from "@erlmcp/errors";
import { createProgress, type JobContext } from "@erlmcp/job";
import type { RestorePointAccess } from "@erlmcp/restore-point";
import { describeFinding, verifyRestorePoint } from "@erlmcp/verify";

/** Packs are read whole, some 34 MiB for each thread: more of them would cost more memory than they save time. */
const mostThreads = 8;
const mostLogged = 100; // a report of everything is what verify is for

interface Preflight {
  readonly context: Pick<JobContext, "stderr" | "log" | "monotonicMs" | "signal">;
  readonly quiet: boolean;
  readonly access: RestorePointAccess;
  readonly id: string;
  /** Of the threads, in a bundle; packs are opened on this thread where there is none. */
  readonly worker?: URL | undefined;
}

/**
 * Proves what `verify --full` proves, of the restore point and all that it depends on, so that what is wrong is known
 * before anything is touched. Each thing that is wrong is a line of the log.
 *
 * @throws BackupError CORRUPT, naming the first; KEY_MISSING, KEY_WRONG, FORMAT_UNKNOWN, NOT_FOUND
 */
export async function verifyFirst({ context, quiet, access, id, worker }: Preflight): Promise<void> {
  const { signal, log } = context;
  const progress = createProgress(context.stderr, log, { quiet, monotonicMs: context.monotonicMs });
  const threads = worker === undefined ? 0 : Math.min(availableParallelism(), mostThreads);
  log.info({ backup_id: id }, "verifying");
  try {
    const { findings, omitted } = await verifyRestorePoint(id, {
      access,
      mode: "full",
      signal,
      progress,
      threads,
      worker,
    });
    const [first] = findings;
    if (first === undefined) return;
    progress.stop();
    for (const one of findings.slice(0, mostLogged)) log.error(describeFinding(one));
    const more = findings.length + omitted - 1;
    const others = more === 0 ? "" : ` (and ${more} more)`;
    throw new BackupError("CORRUPT", `${describeFinding(first)}${others}`, {
      hint: `Nothing was touched. Run verify ${id} for a report, and restore another one (restore --list).`,
    });
  } finally {
    progress.stop();
  }
}
