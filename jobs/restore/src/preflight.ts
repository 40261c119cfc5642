import type { Repository } from "@erlmcp/fs";
import { createProgress } from "@erlmcp/job";
import type { RestorePoint } from "@erlmcp/restore-point";
import type { Run } from "./run.ts";

/**
 * Reads the whole restore point, so that what is damaged is known before anything is touched.
 *
 * @throws BackupError CORRUPT
 */
export async function verifyFirst(
  { context, request }: Run,
  { point, id }: { repository: Repository; point: RestorePoint; id: string },
): Promise<void> {
  const progress = createProgress(context.stderr, context.log, {
    quiet: request.quiet,
    monotonicMs: context.monotonicMs,
  });
  progress.step(`verifying ${id}`);
  try {
    for (const source of point.manifest.contents.sources) {
      progress.expect(source.bytes);
      for await (const entry of point.entries(source)) {
        if (!("content" in entry)) continue;
        for await (const piece of point.read(entry.content)) {
          context.signal.throwIfAborted();
          progress.add(piece.length);
        }
      }
    }
  } finally {
    progress.stop();
  }
}
