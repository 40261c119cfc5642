import { statfs } from "node:fs/promises";
import { BackupError } from "@erlmcp/errors";
import { roomNeeded } from "@erlmcp/volumes";
import type { Applying } from "./apply.ts";
import { targetFolder } from "./targets.ts";

/** @throws BackupError DISK_FULL when a volume cannot hold what is to be put there: before anything is stopped */
export async function requireRoom(run: Applying): Promise<void> {
  for (const { part, target } of run.placed) {
    if (target.kind !== "volume") continue;
    const folder = targetFolder(target.volume.name);
    const needed = await roomNeeded(run.point.entries(part.source), { target: folder, paths: part.paths });
    const { bavail, bsize } = await statfs(folder);
    if (needed <= bavail * bsize) continue;
    const [want, have] = [needed, bavail * bsize].map((bytes) => `${Math.ceil(bytes / 1024 / 1024)} MiB`);
    throw new BackupError("DISK_FULL", `volume ${target.volume.name} needs ${want} and has ${have}`, {
      hint: "Nothing was touched. Make room there first.",
    });
  }
}
