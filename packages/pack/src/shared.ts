import type { NameChunk } from "./chunk-id.ts";
import type { ChunkStore, Needs } from "./chunk-store.ts";
import type { Chunking, ChunkSizes } from "./chunking.ts";
import type { ContentBuilder } from "./content-tree.ts";
import type { Cut } from "./cutter.ts";
import type { Pool } from "./pool.ts";
import type { SlabPool } from "./slab-pool.ts";

/** What the parts of a run have in common. */
export interface Shared {
  pool: Pool;
  store: ChunkStore;
  chunking: Chunking;
  /** Of files, which all take from the same. */
  fileSlabs: SlabPool;
  borrowSlabs(bytes: number): { pool: SlabPool; giveBack(): void };
  cutFor(sizes: ChunkSizes): Cut;
  name: NameChunk;
  newContent(needs: Needs): ContentBuilder;
}
