import { QuiesceIntent } from "@erlmcp/docker";
import { createRecord, type FlushedRecord } from "@erlmcp/host";

/** What is paused or stopped just now, in the repository, where the next run finds it. */
export function createQuiesceRecord(root: string): FlushedRecord<QuiesceIntent> {
  return createRecord(root, { name: "quiesced.json", schema: QuiesceIntent });
}
