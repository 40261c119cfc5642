import type { Buffer } from "node:buffer";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { tarOf, type SmallFile } from "./tar.ts";
import type { Mount } from "./types.ts";

const folder = "/run/secrets";

/**
 * Secrets that Compose has written into our container (those that come from a variable) instead of mounting them,
 * as an archive for the root of a container that is to have them too; undefined when there are none.
 */
export async function copiedSecrets(mounts: readonly Mount[], from = folder): Promise<Buffer | undefined> {
  const mounted = new Set(mounts.map(({ target }) => target));
  if (mounted.has(folder)) return undefined;
  const files: SmallFile[] = [];
  for (const name of await namesIn(from)) {
    if (mounted.has(join(folder, name))) continue;
    const path = join(from, name);
    const facts = await stat(path);
    if (!facts.isFile()) continue;
    const { mode, uid, gid } = facts;
    files.push({ path: join(folder, name).slice(1), mode, uid, gid, bytes: await readFile(path) });
  }
  return files.length === 0 ? undefined : tarOf(files);
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
