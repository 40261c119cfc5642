import { availableParallelism, hostname } from "node:os";
import { newRunSecret, type KeySlot } from "@erlmcp/crypto";
import { Component, type LedgerLine } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { Staging } from "@erlmcp/fs";
import { accessTo, lockFor, openLocal, refuseHalfRestored, takenForVariable } from "@erlmcp/host";
import { createProgress, type JobOutcome, type Progress, type Settings } from "@erlmcp/job";
import {
  createLedgerSummary,
  encodeLine,
  nextFreeId,
  receiptName,
  serializeReceipt,
  type BackupType,
  type Receipt,
} from "@erlmcp/manifest";
import { createPackWriter, type PackWriter, type RestorePointKey } from "@erlmcp/pack";
import { openManifest, whyUnusable } from "@erlmcp/restore-point";
import { placeReader, readReader } from "@erlmcp/rescue";
import { random } from "./random.ts";
import { chooseAndOpenBase, type Base } from "./base.ts";
import { captureAll } from "./capture.ts";
import { concludeCleanup } from "./cleanup.ts";
import type { Capture } from "./collection.ts";
import { commit } from "./commit.ts";
import { describeManifest } from "./manifest.ts";
import { draftReceipt } from "./receipt.ts";
import { recover } from "./repository.ts";
import type { LockedRun, Run } from "./run.ts";
import { printOutcome } from "./summary.ts";
import { earlierOf, vanishedSince } from "./vanished.ts";

/** One backup from lock to receipt. */
export async function makeRestorePoint(run: Run): Promise<JobOutcome> {
  const repository = await openLocal(run.settings);
  const lock = lockFor(run.context, run.host, { repository, kind: "exclusive" });
  try {
    await refuseHalfRestored(repository.root);
    const { points, undone } = await recover(run, repository, lock);
    if (run.request.action === "cleanup") return await concludeCleanup(run, { repository, undone });
    const locked: LockedRun = { ...run, repository, lock, points };
    await placeReader(repository.store, await readReader());
    const base = await chooseAndOpenBase(locked);
    try {
      return await backup(locked, base);
    } finally {
      await base.generation?.close();
    }
  } finally {
    lock.release();
  }
}

async function backup(run: LockedRun, base: Base): Promise<JobOutcome> {
  const { context, repository } = run;
  for (const note of base.notes) context.log.info(note);
  const id = nextFreeId(
    base.type,
    context.now(),
    run.points.map((point) => point.backup_id),
  );
  const key = newKey(run, base);
  const staging = await repository.begin(id);
  const progress = createProgress(context.stderr, context.log, {
    quiet: run.request.quiet,
    monotonicMs: context.monotonicMs,
  });
  try {
    const writer = openWriter(run, { base, key, staging, progress });
    try {
      return await fill(run, { base, key, staging, writer, progress });
    } finally {
      await writer.close();
    }
  } catch (error) {
    await staging.abort();
    throw error;
  } finally {
    progress.stop();
  }
}

interface Making {
  readonly base: Base;
  readonly key: RestorePointKey | undefined;
  readonly staging: Staging;
  readonly writer: PackWriter;
  readonly progress: Progress;
}

async function fill(run: LockedRun, making: Making): Promise<JobOutcome> {
  const { context, settings } = run;
  const { base, key, staging, writer, progress } = making;
  const startedAt = context.facts().startedAt;
  const capture = await captureAll(run, { storage: writer, base, progress, spillFolder: staging.spillFolder });
  const summary = summarise(capture);
  const vanished = await whatVanished(run, capture);
  for (const note of vanished) context.log.warn(note);
  const ledger = await writer.stream(encodeLedger(capture.ledger), "table");
  progress.step("finishing");
  const packs = await writer.finish();
  const manifest = describeManifest({
    id: staging.id,
    type: base.type,
    startedAt,
    finishedAt: context.now(),
    host: hostname(),
    service: context.env[takenForVariable] ?? "backup",
    revision: run.build.revision,
    base: base.generation?.base.head.id ?? null,
    slots: await keySlots(run, base, key),
    cipher: key?.cipher ?? "none",
    chunking: base.chunking,
    retentionDays: retentionDays(settings, base.type),
    packs,
    capture,
    ledger,
    summary,
  });
  context.signal.throwIfAborted();
  const outcome = { exitCode: summary.complete ? 0 : 3, manifest, summary, capture, packs, vanished };
  const { receipt, unlisted } = await commit({
    staging,
    manifest,
    key,
    receipt: (checksumHash) => draftReceipt(run, { ...outcome, base, checksumHash }),
  });
  progress.stop();
  if (unlisted !== undefined) warnOfBookkeeping(run, "the catalog lacks the line of this restore point", unlisted);
  await keepReceipt(run, receipt);
  printOutcome(run, receipt);
  return { exitCode: outcome.exitCode };
}

/** The restore point has its own: that there is no room for a second one makes it no worse. */
async function keepReceipt(run: LockedRun, receipt: Receipt): Promise<void> {
  try {
    await run.repository.writeReceipt(receiptName(receipt), serializeReceipt(receipt));
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    warnOfBookkeeping(run, "receipts/ lacks the receipt of this run, which the restore point has", error);
  }
}

function warnOfBookkeeping({ context }: Run, what: string, { code, message }: BackupError): void {
  const hint = "The restore point is whole and saved. Make room: the next run adds to the catalog what is missing.";
  context.log.warn({ code, reason: message, hint }, what);
}

/** @throws BackupError SOURCE_FAILED when nothing was captured at all: that is no restore point */
function summarise(capture: Capture): ReturnType<ReturnType<typeof createLedgerSummary>["result"]> {
  const summary = createLedgerSummary();
  for (const line of capture.ledger) summary.add(line);
  const result = summary.result();
  if (result.ledger.captured === 0) {
    const reasons = result.ledger.not_read.slice(0, 3).map(({ source, reason }) => `${source}: ${reason ?? "unknown"}`);
    throw new BackupError("SOURCE_FAILED", `nothing could be captured (${reasons.join("; ") || "no rows, no files"})`, {
      hint: "No restore point was made; correct the cause and run it again.",
    });
  }
  return result;
}

/** Compared with the newest restore points that this key opens. */
async function whatVanished(run: LockedRun, capture: Capture): Promise<string[]> {
  const access = accessTo(run.repository, run.encryption);
  const wanted = Component.options.filter((component) => run.request.only?.has(component) ?? true);
  const notes: string[] = [];
  for (const earlier of earlierOf(run.points, wanted)) {
    if ((await whyUnusable(access, earlier.id)) !== undefined) continue; // verify tells of it
    const { sources } = (await openManifest(access, earlier.id)).manifest.contents;
    const { ledger } = capture;
    const project = run.settings.values.BACKUP_PROJECT;
    notes.push(...vanishedSince(earlier, sources, { now: capture.sources, ledger, project }));
  }
  return notes;
}

async function* encodeLedger(lines: readonly LedgerLine[]): AsyncGenerator<Uint8Array> {
  for (const line of lines) yield encodeLine(line);
}

/** A fresh key for each run; an incremental names chunks as its base does. */
function newKey(run: LockedRun, base: Base): RestorePointKey | undefined {
  if (run.encryption === undefined) return undefined;
  const secret = newRunSecret(random, base.generation?.key?.secret.generationKey);
  return { secret, cipher: run.encryption.cipher };
}

/** One slot, for the key in force. A passphrase is stretched with one salt throughout a generation. */
async function keySlots(run: LockedRun, base: Base, key: RestorePointKey | undefined): Promise<KeySlot[]> {
  if (run.encryption === undefined || key === undefined) return [];
  const { keyring } = run.encryption;
  const [first] = base.generation?.base.head.key_slots ?? [];
  return [await keyring.wrap(key.secret, first?.derivation ?? keyring.newDerivation(random), random)];
}

function openWriter(run: LockedRun, making: Omit<Making, "writer">): PackWriter {
  const { base, key, staging, progress } = making;
  let seen = 0;
  return createPackWriter({
    target: staging,
    secret: key?.secret,
    cipher: key?.cipher ?? "aes-256-gcm",
    level: run.settings.values.COMPRESSION_LEVEL,
    chunking: base.chunking,
    base: base.generation,
    threads: availableParallelism(),
    signal: run.context.signal,
    worker: new URL("./worker.mjs", import.meta.url),
    onProgress(stats) {
      progress.add(stats.readBytes - seen);
      seen = stats.readBytes;
    },
  });
}

function retentionDays({ values }: Settings, type: BackupType): number {
  if (type === "incremental") return values.RETENTION_INCREMENTAL;
  return type === "compliance" ? values.RETENTION_COMPLIANCE : values.BACKUP_RETENTION_DAYS;
}
