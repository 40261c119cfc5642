import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import type { Repository } from "@erlmcp/fs";
import { accessTo, lockFor, openLocal, type FlushedRecord } from "@erlmcp/host";
import { createProgress, type JobOutcome } from "@erlmcp/job";
import { openRestorePoint } from "@erlmcp/restore-point";
import { apply, say, type Applied, type Applying } from "./apply.ts";
import { requireSame, type Compared } from "./compare.ts";
import { compareAll } from "./compare-all.ts";
import { guessSeconds } from "./estimate.ts";
import { lookAround } from "./here.ts";
import { Journal, openJournal } from "./journal.ts";
import { intentVariable } from "./launch.ts";
import { selectParts } from "./parts.ts";
import { inSteps, planRestore, type Placed } from "./plan.ts";
import { finishDatabases, stageDatabases, undoDatabases } from "./put-postgres.ts";
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
    await requireOwn(run, journal);
    if (intent.state === "undoing" || intent.state === "unstaging") {
      await takeBack(applying, journal, intent.state);
      return undone(intent);
    }
    if (intent.state === "finishing") {
      await tidyUp(applying, journal);
      return { id: intent.id, ...report(intent, [], []) };
    }
    await requireRoom(applying);
    const began = run.context.monotonicMs();
    const { applied, compared } = await restoreOrUndo(applying, journal);
    const seconds = Math.round((run.context.monotonicMs() - began) / 100) / 10;
    const timing = { seconds, guessed_seconds: guessSeconds(placed, intent.stopped.length) };
    await journal.put({ ...intent, state: "finishing" });
    await tidyUp(applying, journal);
    const told = report(intent, applied, compared);
    return { id: intent.id, ...told, details: { ...told.details, timing } };
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

/** Everything is restored: it takes a moment, and is not interrupted. */
async function tidyUp(run: Applying, journal: FlushedRecord<Journal>): Promise<void> {
  say(run, "tidying up");
  try {
    await finishDatabases({ ...run, signal: new AbortController().signal });
  } catch (cause) {
    const message = `${messageOf(cause)}; the restore of ${run.intent.id} is complete but for tidying up`;
    throw new BackupError(codeOf(cause), message, { hint: "Finish it with restore --resume.", cause });
  }
  await journal.clear();
}

/** Another restore may have begun, or this one have been finished, since the launcher looked: it held no lock. */
async function requireOwn({ intent, request }: Working, journal: FlushedRecord<Journal>): Promise<void> {
  const found = await journal.read();
  const expected = request.action === "restore" ? undefined : intent.tag;
  if (found?.tag === expected) return;
  throw new BackupError("LOCKED", `another run has ${found === undefined ? "ended" : "begun"} a restore meanwhile`, {
    hint: "Nothing was touched by this one. Look at the system, then run it again.",
  });
}

/** All or nothing: whatever stops it half-way, what was there is put back, as far as there is something to do it from. */
async function restoreOrUndo(
  run: Applying,
  journal: FlushedRecord<Journal>,
): Promise<{ applied: readonly Applied[]; compared: readonly Compared[] }> {
  const { intent, context, progress } = run;
  let { state } = intent;
  await journal.put(intent);
  try {
    for (const { part } of run.placed) progress.expect(part.source.bytes);
    const staged = await stageDatabases(run); // while all goes on
    await journal.put({ ...intent, state: "applying" });
    state = "applying";
    const applied = await apply(run, staged);
    say(run, "comparing");
    const compared = await compareAll(run, applied);
    requireSame(compared);
    return { applied, compared };
  } catch (cause) {
    const failure = context.signal.aborted ? context.signal.reason : cause;
    if (state !== "staging" && intent.safety === null) throw stuck(failure, intent);
    context.log.error({ reason: messageOf(failure) }, "the restore failed; putting back what was there");
    try {
      await takeBack(run, journal, state);
    } catch (second) {
      throw notPutBack(failure, second, intent);
    }
    throw putBackFrom(failure, intent, state);
  }
}

/**
 * Back to what was there. As long as databases are staged nothing else was touched, and whatever the system has written since
 * the safety backup must not be lost.
 */
async function takeBack(run: Applying, journal: FlushedRecord<Journal>, from: Journal["state"]): Promise<void> {
  const state = from === "staging" || from === "unstaging" ? "unstaging" : "undoing";
  await journal.put({ ...run.intent, state });
  if (state === "undoing") await undo(run);
  else await undoDatabases({ ...run, signal: new AbortController().signal });
  await journal.clear();
}

function undone({ id, safety, state }: Journal): Outcome {
  const how =
    state === "unstaging" ? "nothing but databases beside the old ones had begun" : `from ${safety ?? "nothing"}`;
  const text = `the restore of ${id} is undone: what was there is back, ${how}\n`;
  return { id, exitCode: 0, text, details: { undone: true, safety_backup: safety } };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): BackupError["code"] {
  return error instanceof BackupError ? error.code : "FAILED";
}

function putBackFrom(failure: unknown, { safety }: Journal, state: Journal["state"]): BackupError {
  const how = state === "staging" ? "Nothing had been stopped yet." : `It was done from ${safety ?? "nothing"}.`;
  return new BackupError(codeOf(failure), messageOf(failure), {
    hint: `The system was put back as it was. ${how}`,
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
