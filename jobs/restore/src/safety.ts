import { Writable } from "node:stream";
import type { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { takenForVariable } from "@erlmcp/host";
import { parseReceipt } from "@erlmcp/manifest";
import type { Plan } from "./plan.ts";
import type { Run } from "./run.ts";

const outputLimit = 64 * 1024 * 1024; // bytes of a receipt

/**
 * Backs up what is about to be replaced, by the backup job's own image, so that it can be put back.
 *
 * @returns the ID of the restore point
 * @throws BackupError FAILED when not all of it was saved: nothing has been touched then
 */
export async function takeSafetyBackup(run: Run, plan: Plan): Promise<string> {
  const { context, host } = run;
  const components = componentsOf(plan);
  context.log.info({ components }, "saving what is there now, to be able to put it back");
  const pieces: Buffer[] = [];
  const sibling = await host.engine.startSibling({
    image: imageOf(host.self.container.image),
    cmd: ["incremental", "--json", "--quiet", "--no-upload", `--only=${components.join(",")}`],
    env: { [takenForVariable]: "restore" },
    mounts: [],
    labels: { "erlmcp.job": "backup" },
    stdout: collector(pieces),
    stderr: new Writable({
      write(chunk: Buffer, _encoding, done) {
        context.stderr.write(chunk);
        done();
      },
    }),
    signal: context.signal,
  });
  const exitCode = await sibling.exitCode;
  context.signal.throwIfAborted();
  if (exitCode !== 0) throw notSaved(`it ended with status ${exitCode}`);
  const { backup_id } = parseReceipt(Buffer.concat(pieces), "the receipt of the safety backup");
  if (backup_id === null) throw notSaved("it made no restore point");
  context.log.info({ backup_id }, "saved");
  return backup_id;
}

/** A node that is restarted loses its ETS tables, and its Mnesia may be in a volume that changes: both can be put back. */
function componentsOf({ placed, restartsNodes }: Plan): Component[] {
  const components = new Set(placed.map(({ part }) => part.source.component));
  if (restartsNodes) for (const one of ["ets", "dets", "mnesia"] as const) components.add(one);
  return [...components];
}

/** The images of the jobs differ in their last name alone: `registry.example/erlmcp/restore:1.2` */
function imageOf(own: string): string {
  const image = own.replace(/restore(?=(:[^/]*)?(@[^/]*)?$)/, "backup").replace(/@.*$/, "");
  if (image !== own) return image;
  throw new BackupError("FAILED", `the backup job's image cannot be told from ${own}`, {
    hint: "Call the image …/restore:TAG, as Compose does; or restore with --no-safety-backup.",
  });
}

function collector(pieces: Buffer[]): Writable {
  let bytes = 0;
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= outputLimit) pieces.push(chunk);
      done();
    },
  });
}

function notSaved(why: string): BackupError {
  return new BackupError("FAILED", `what is there now could not be saved: ${why}`, {
    hint: "Nothing was touched. See the log above; or restore with --no-safety-backup if nothing there is worth keeping.",
  });
}
