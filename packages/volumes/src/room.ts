import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Entry } from "@erlmcp/entry";
import { errorCode } from "@erlmcp/posix";
import { displayPath } from "./names.ts";
import { namesOf, selectorOf } from "./safe-path.ts";

/**
 * Bytes that unpacking into a folder may need besides what it holds: those of all files that are not there with the same
 * size and time, rounded up to blocks. An estimate from above; what is deleted meanwhile is not taken off.
 */
export async function roomNeeded(
  entries: AsyncIterable<Entry>,
  { target, paths }: { target: string; paths?: readonly string[] | undefined },
): Promise<number> {
  let bytes = 0;
  const isSelected = selectorOf(paths);
  for await (const entry of entries) {
    if (entry.kind !== "file") continue;
    const name = namesOf(entry.path).join("/");
    if (!isSelected(name)) continue;
    if (await isThere(Buffer.from(join(target, name), "latin1"), entry)) continue;
    bytes += Math.ceil(entry.content.bytes / blockBytes) * blockBytes;
  }
  return bytes;
}

const blockBytes = 4096;

async function isThere(path: Buffer, entry: { size: number; mtime: string }): Promise<boolean> {
  try {
    const facts = await lstat(path, { bigint: true });
    return facts.isFile() && Number(facts.size) === entry.size && facts.mtimeNs === BigInt(entry.mtime);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return false;
    throw new Error(`${displayPath(path.toString("latin1"))} cannot be looked at`, { cause: error });
  }
}
