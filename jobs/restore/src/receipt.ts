import type { Repository } from "@erlmcp/fs";
import { draftReceiptOf, type Build } from "@erlmcp/host";
import type { JobContext, JobOutcome } from "@erlmcp/job";
import { createReceipt, receiptName, serializeReceipt, type ReceiptDraft } from "@erlmcp/manifest";
import type { Request } from "./cli.ts";

export interface Told {
  readonly id: string; // of the restore point
  readonly exitCode: number;
  readonly text: string; // for the operator
  readonly details: ReceiptDraft["details"];
  readonly notes?: readonly string[] | undefined;
  readonly error?: ReceiptDraft["error"] | undefined;
}

/** Prints what was done, or with --json the receipt, which goes into the repository. */
export async function writeReceipt(
  { context, request }: { context: JobContext; request: Request },
  { repository, build, outcome }: { repository: Repository; build: Build; outcome: Told },
): Promise<JobOutcome> {
  if (!request.json && !request.quiet) context.stdout.write(outcome.text);
  const receipt = createReceipt({
    ...draftReceiptOf(context, build, outcome.exitCode),
    error: outcome.error ?? null,
    backup_id: outcome.id,
    backup_path: `${repository.root}/${outcome.id}`,
    notes: [...(outcome.notes ?? [])],
    details: outcome.details,
  });
  const bytes = serializeReceipt(receipt);
  await repository.writeReceipt(receiptName(receipt), bytes);
  if (request.json) context.stdout.write(bytes);
  return { exitCode: outcome.exitCode };
}
