import type { ContentRef } from "@erlmcp/entry";
import type { NameChunk } from "./chunk-id.ts";
import type { Cut } from "./cutter.ts";
import { chunkRecordBytes, idBytes } from "./layout.ts";
import { boundaries } from "./worker-core.ts";

/** So many chunks stand in a content itself; more become a list that is stored. */
export const inlineChunks = 1024;

/** Builds what names a content, one chunk after the other, in memory that does not grow with it. */
export interface ContentBuilder {
  add(id: Uint8Array, length: number): void;
  finish(): ContentRef;
}

export interface ListStore {
  cut: Cut;
  maxChunkBytes: number;
  name: NameChunk;
  /** Stores a chunk of a list. The bytes are overwritten afterwards. */
  store(chunk: Uint8Array, id: Uint8Array): void;
}

/** The list at one depth. */
interface List {
  add(id: Uint8Array, length: number): void;
  finish(bytes: number): ContentRef;
}

export function createContentBuilder(lists: ListStore): ContentBuilder {
  const root = createList(lists, 0);
  let bytes = 0;
  return {
    add(id, length) {
      bytes += length;
      root.add(id, length);
    },
    finish: () => root.finish(bytes),
  };
}

function createList(lists: ListStore, depth: number): List {
  let records = Buffer.alloc(32 * chunkRecordBytes); // what has not been cut into chunks yet
  let used = 0;
  let count = 0;
  let deeper: List | undefined;
  const id = new Uint8Array(idBytes);

  function cutRecords(into: List, final: boolean): void {
    let from = 0;
    for (const end of boundaries(lists.cut, records, { start: 0, end: used, final })) {
      const chunk = records.subarray(from, end);
      lists.name(chunk, id, 0);
      lists.store(chunk, id);
      into.add(id, chunk.byteLength);
      from = end;
    }
    records.copyWithin(0, from, used);
    used -= from;
  }

  function makeRoom(): void {
    if (used + chunkRecordBytes <= records.length) return;
    if (deeper !== undefined) cutRecords(deeper, false);
    if (used + chunkRecordBytes <= records.length) return;
    records = Buffer.concat([records.subarray(0, used)], Math.max(records.length * 2, 64));
  }

  return {
    add(chunkId, length) {
      if (count === inlineChunks) deeper = createList(lists, depth + 1);
      makeRoom();
      records.set(chunkId, used);
      records.writeUInt32BE(length, used + idBytes);
      used += chunkRecordBytes;
      count += 1;
    },
    finish(bytes) {
      if (deeper !== undefined) {
        cutRecords(deeper, true);
        return deeper.finish(bytes);
      }
      const chunks: string[] = [];
      for (let at = 0; at < used; at += chunkRecordBytes) chunks.push(records.toString("hex", at, at + idBytes));
      return { bytes, depth, chunks };
    },
  };
}
