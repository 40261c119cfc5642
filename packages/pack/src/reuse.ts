import type { ContentRef } from "@erlmcp/entry";
import { wordsOfHex, type ChunkIndex } from "./chunk-index.ts";
import type { Needs } from "./chunk-store.ts";
import type { PackReader } from "./reader.ts";

/** True when each chunk of `content`, and of the lists that name them, is in the base; notes who holds them. */
export async function reuseContent(
  { index, reader }: { index: ChunkIndex; reader: PackReader },
  content: ContentRef,
  needs: Needs,
): Promise<boolean> {
  let bytes = 0;
  const take = (id: string): boolean => {
    const chunk = index.find(wordsOfHex(id), 0);
    if (chunk === -1) return false;
    bytes += index.lengthOf(chunk);
    needs.add(index.restorePointOf(chunk));
    return true;
  };
  if (!content.chunks.every(take)) return false;
  for (let depth = content.depth; depth > 0; depth -= 1) {
    bytes = 0;
    for await (const { id } of reader.list(content, depth - 1)) if (!take(id)) return false;
  }
  return bytes === content.bytes;
}
