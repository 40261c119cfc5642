import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openRepository } from "./repository.ts";
import type { Io } from "./io.ts";

/** For crash tests: one run of a job on a repository that holds `olderId` already. */
export const olderId = "erlmcp_full_20260202_120000";
export const newerId = "erlmcp_incremental_20260202_121500";

export const catalogLineOf = (id: string): string => JSON.stringify({ backup_id: id });

export async function makeRestorePoint(root: string, id: string, io?: Io): Promise<void> {
  const repository = await openRepository({ root, flock: () => true, ...(io === undefined ? {} : { io }) });
  const staging = await repository.begin(id);
  await writeFile(join(staging.spillFolder, "run-1"), "spilled");
  for (const name of ["packs/000001.pack", "packs/000002.pack", "chunks.idx"]) {
    const file = await staging.create(name);
    await file.write(Buffer.from(`${id} ${name} begins `));
    await file.write(Buffer.from("and ends"));
    await file.close();
  }
  for (const name of ["manifest.json", "checksums.sha256", "receipt.json"]) {
    await staging.writeFile(name, Buffer.from(`${id} ${name}`));
  }
  await staging.commit(catalogLineOf(id));
  await repository.writeReceipt("run.json", Buffer.from(`receipt of ${id}`));
}
