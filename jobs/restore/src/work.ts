import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import type { Repository } from "@erlmcp/fs";
import { accessTo, lockFor, openLocal } from "@erlmcp/host";
import { createProgress, type JobOutcome } from "@erlmcp/job";
import { openRestorePoint } from "@erlmcp/restore-point";
import { apply, type Applied, type Applying } from "./apply.ts";
import { requireSame, type Compared } from "./compare.ts";
import { compareAll } from "./compare-all.ts";
import { lookAround } from "./here.ts";
import { Journal, openJournal } from "./journal.ts";
import { intentVariable } from "./launch.ts";
import { selectParts } from "./parts.ts";
import { inSteps, planRestore, type Placed } from "./plan.ts";
import { finishDatabases } from "./put-postgres.ts";
import { writeReceipt } from "./receipt.ts";
import { report } from "./report.ts";
import { requireRoom } from "./room.ts";
import type { Run } from "./run.ts";
import { selectionIn } from "./selection.ts";
import { undo } from "./undo.ts";

/** In the worker, with the volumes mounted: brings the system to the restore point, or back to where it was. */
export async function work(run: Run): Promise<JobOutcome> {
  const intent = Journal.parse(JSON.parse(run.context.env[intentVariable] ?? "null"));
  const repository = await openLocal(run.settings);
  const lock = lockFor(run.context, run.host, { repository, kind: "exclusive" });
  const scratch = join(repository.root, ".staging", `restore-${intent.tag}`);
  try {
    await mkdir(scratch, { recursive: true });
    const outcome = await underJournal({ ...run, repository, intent, scratch });
    return await writeReceipt(run, { repository, build: run.build, outcome });
  } finally {
    await rm(scratch, { recursive: true, force: true });
    lock.release();
  }
}

export interface Working extends Run {
  readonly repository: Repository;
  readonly intent: Journal;
  readonly scratch: string; // a folder for what is too large for memory, gone afterwards
}

type Outcome = Parameters<typeof writeReceipt>[1]["outcome"];

async function underJournal(run: Working): Promise<Outcome> {
  const { intent, repository } = run;
  const journal = openJournal(repository.root);
  const point = await openRestorePoint(accessTo(repository, run.encryption), intent.id);
  const progress = createProgress(run.context.stderr, run.context.log, {
    quiet: run.request.quiet,
    monotonicMs: run.context.monotonicMs,
  });
  try {
    const placed = await placeParts(run, point);
    const applying: Applying = { ...run, point, placed, progress, signal: run.context.signal };
    if (intent.state === "undoing") {
      await journal.put(intent);
      await undo(applying);
      await journal.clear();
      return undone(intent);
    }
    if (intent.state === "finishing") {
      await finishDatabases(applying);
      await journal.clear();
      return { id: intent.id, ...report(intent, [], []) };
    }
    await requireRoom(applying);
    await journal.put(intent);
    const { applied, compared } = await applyOrUndo(applying, async () => {
      await journal.put({ ...intent, state: "undoing" });
      await undo(applying);
      await journal.clear();
    });
    await journal.put({ ...intent, state: "finishing" });
    await finishDatabases(applying);
    await journal.clear();
    return { id: intent.id, ...report(intent, applied, compared) };
  } finally {
    progress.stop();
    await point.close();
  }
}

async function placeParts(run: Working, point: Applying["point"]): Promise<Placed[]> {
  const { intent } = run;
  const parts = await selectParts(point, selectionIn(intent));
  const { here, containers } = await lookAround(run.host, run.settings);
  const plan = planRestore(parts, { here, containers, renames: new Map(Object.entries(intent.renames)) });
  const refused = plan.problems.find(({ severity }) => severity === "refuse");
  if (refused !== undefined) throw new BackupError("NOT_FOUND", refused.message, { hint: "Nothing was touched." });
  return inSteps(plan.placed);
}

/** All or nothing: whatever stops it half-way, what was there is put back, if there is a safety backup to do it from. */
async function applyOrUndo(
  applying: Applying,
  putBack: () => Promise<void>,
): Promise<{ applied: readonly Applied[]; compared: readonly Compared[] }> {
  const { intent, context } = applying;
  try {
    const applied = await apply(applying);
    const compared = await compareAll(applying, applied);
    requireSame(compared);
    return { applied, compared };
  } catch (cause) {
    const failure = context.signal.aborted ? context.signal.reason : cause;
    if (intent.safety === null) throw stuck(failure, intent);
    context.log.error({ reason: messageOf(failure) }, "the restore failed; putting back what was there");
    try {
      await putBack();
    } catch (second) {
      throw notPutBack(failure, second, intent);
    }
    throw putBackFrom(failure, intent);
  }
}

function undone({ id, safety }: Journal): Outcome {
  const text = `the restore of ${id} is undone: what was there is back, from ${safety ?? "nothing"}\n`;
  return { id, exitCode: 0, text, details: { undone: true, safety_backup: safety } };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): BackupError["code"] {
  return error instanceof BackupError ? error.code : "FAILED";
}

function putBackFrom(failure: unknown, { safety }: Journal): BackupError {
  return new BackupError(codeOf(failure), messageOf(failure), {
    hint: `The system was put back as it was, from ${safety ?? "nothing"}.`,
    cause: failure,
  });
}

function stuck(failure: unknown, { id }: Journal): BackupError {
  return new BackupError(codeOf(failure), `${messageOf(failure)}; the restore of ${id} is half done`, {
    hint: "There was no safety backup to put back. Correct the cause, then restore --resume.",
    cause: failure,
  });
}

function notPutBack(failure: unknown, second: unknown, { safety }: Journal): BackupError {
  const message = `${messageOf(failure)}; and what was there could not be put back: ${messageOf(second)}`;
  return new BackupError(codeOf(failure), message, {
    hint: `It is saved in ${safety ?? "nothing"}. Correct the cause, then restore --abort or restore --resume.`,
    cause: second,
  });
}
