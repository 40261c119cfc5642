import type { Repository } from "@erlmcp/fs";
import { draftReceiptOf } from "@erlmcp/host";
import type { JobOutcome } from "@erlmcp/job";
import { createReceipt, receiptName, serializeReceipt } from "@erlmcp/manifest";
import type { Run } from "./run.ts";

/** Ends a run that only had to put right what others left: its receipt says what that was. */
export async function concludeCleanup(
  { context, build, request }: Run,
  { repository, undone }: { repository: Repository; undone: readonly string[] },
): Promise<JobOutcome> {
  const receipt = createReceipt({ ...draftReceiptOf(context, build, 0), notes: [...undone] });
  const bytes = serializeReceipt(receipt);
  await repository.writeReceipt(receiptName(receipt), bytes);
  if (request.json) context.stdout.write(bytes);
  else if (!request.quiet)
    context.stdout.write(`${(undone.length === 0 ? ["nothing to clean up"] : undone).join("\n")}\n`);
  return { exitCode: 0 };
}
