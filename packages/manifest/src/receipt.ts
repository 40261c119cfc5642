import { createHash } from "node:crypto";
import { Component, Grade, LedgerLine } from "@erlmcp/entry";
import { z } from "zod";
import { canonicalJson, parseJson } from "./canonical.ts";
import { checked } from "./checked.ts";
import { BackupId, BackupType } from "./id.ts";
import { Cipher, ManifestHead, Sha256, Timestamp } from "./schema.ts";

const count = z.int().nonnegative();

/**
 * The record that a job ran, whatever became of it: `receipts/` holds one a run, and a restore point that of the run
 * that made it. What a run did not come to know is null.
 */
export const Receipt = z.strictObject({
  receipt_version: z.literal(1),
  service: z.string(), // the job: backup, restore …
  command: z.array(z.string()), // its arguments, without the name of the program
  timestamp: Timestamp, // when this was written
  started_at: Timestamp,
  finished_at: Timestamp,
  exit_code: z.int().min(0).max(255),
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  git_sha: z.string().nullable(), // of the source code that the image was built from
  image_digest: z.string().nullable(),
  tool_version: z.string(),
  hostname: z.string(),
  stdout_sha256: Sha256, // of what was written there before this receipt
  stderr_sha256: Sha256,
  proof: Sha256, // see proofOf
  backup_id: BackupId.nullable(),
  backup_type: BackupType.nullable(),
  backup_path: z.string().nullable(),
  checksum_hash: Sha256.nullable(), // SHA-256 of checksums.sha256
  base: BackupId.nullable(),
  retention_days: z.int().positive().nullable(),
  cipher: Cipher.nullable(),
  complete: z.boolean().nullable(), // false: see ledger.not_read
  sizes: ManifestHead.shape.sizes.nullable(),
  components: z
    .partialRecord(
      Component,
      z.strictObject({
        sources: count,
        captured: count,
        rows: count,
        bytes: count,
        grade: Grade.nullable(), // the weakest
      }),
    )
    .nullable(),
  ledger: z
    .strictObject({
      captured: count,
      excluded: count,
      ephemeral: count,
      unreadable: count,
      failed: count,
      not_read: z.array(LedgerLine),
      not_read_omitted: count, // lines of this kind beyond those listed; the ledger of the restore point has them all
    })
    .nullable(),
  grades: z.record(Grade, count).nullable(), // captured things by grade
  grade: Grade.nullable(), // the weakest of all
  capture: z
    .strictObject({
      first_at: Timestamp,
      last_at: Timestamp,
      spread_seconds: z.number().nonnegative(), // between the first and the last capture
    })
    .nullable(),
  remote: z.strictObject({ state: z.enum(["none", "complete", "pending", "failed"]), detail: z.string() }).nullable(),
  notes: z.array(z.string()), // decisions an operator should know of, e.g. why a full was taken
  details: z.record(z.string(), z.json()), // what only this job has to tell
});
export type Receipt = z.infer<typeof Receipt>;

/** Everything of a receipt but what follows from the rest. */
export type ReceiptDraft = Omit<Receipt, "proof" | "receipt_version">;

export type Proven = Pick<
  Receipt,
  "git_sha" | "image_digest" | "service" | "command" | "exit_code" | "stdout_sha256" | "stderr_sha256"
>;

/**
 * SHA-256, in hex, of the JSON array [git_sha, image_digest, service, command, exit_code, stdout_sha256, stderr_sha256]
 * in UTF-8, without white space and without a newline at the end. Command is itself an array of strings; what is unknown
 * is null; stdout and stderr enter as their SHA-256 in hex, so that the proof can be checked with the receipt alone:
 *
 *     jq -cj '[.git_sha,.image_digest,.service,.command,.exit_code,.stdout_sha256,.stderr_sha256]' receipt.json | sha256sum
 */
export function proofOf(run: Proven): string {
  const { git_sha, image_digest, service, command, exit_code, stdout_sha256, stderr_sha256 } = run;
  const proven = [git_sha, image_digest, service, command, exit_code, stdout_sha256, stderr_sha256];
  return createHash("sha256").update(JSON.stringify(proven)).digest("hex");
}

/** Adds version and proof. */
export function createReceipt(draft: ReceiptDraft): Receipt {
  return checked(Receipt, { ...draft, receipt_version: 1, proof: proofOf(draft) }, "receipt");
}

/** receipt.json, byte for byte: canonical JSON, two spaces a level, ending in a newline. */
export function serializeReceipt(receipt: Receipt): Buffer {
  return Buffer.from(`${canonicalJson(checked(Receipt, receipt, "receipt"), 2)}\n`);
}

/** @throws BackupError CORRUPT, also when the proof does not fit; FORMAT_UNKNOWN for fields that this version does not know */
export function parseReceipt(bytes: Uint8Array, what = "receipt"): Receipt {
  const receipt = checked(Receipt, parseJson(bytes, what, 64 * 1024 * 1024), what);
  return checked(
    Receipt.refine((r) => r.proof === proofOf(r), "the proof does not fit"),
    receipt,
    what,
  );
}

/** The name of a run's receipt in `receipts/`: `20260202T120000Z_backup_erlmcp_full_20260202_120000.json`. */
export function receiptName(receipt: Pick<Receipt, "timestamp" | "service" | "backup_id">): string {
  const time = receipt.timestamp.replaceAll(/[-:]|\.\d+/g, "");
  return `${time}_${receipt.service.replaceAll(/[^a-z0-9-]/gi, "-")}_${receipt.backup_id ?? "run"}.json`;
}
