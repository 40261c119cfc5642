import { KeySlot } from "@erlmcp/crypto";
import { Component, ContentRef, Grade } from "@erlmcp/entry";
import { z } from "zod";
import { BackupId, BackupType } from "./id.ts";

/** What this version writes, and the only one that it reads. */
export const formatVersion = 1;

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.int().nonnegative();
const count = z.int().nonnegative();
const label = z.string().max(4096);
/** UTC, RFC 3339 with milliseconds: `2026-02-02T12:00:00.000Z`. */
export const Timestamp = z.iso.datetime({ precision: 3 });

export const Cipher = z.enum(["none", "aes-256-gcm", "aes-256-cbc"]);
export type Cipher = z.infer<typeof Cipher>;

/** An object of the restore point, with its length and SHA-256. */
export const StoredFile = z.strictObject({ name: z.string().max(64), bytes, sha256: Sha256 });
export type StoredFile = z.infer<typeof StoredFile>;

/** How streams of one kind are cut; bytes. */
export const ChunkSizes = z.strictObject({ min: bytes, average: bytes, max: bytes });
export type ChunkSizes = z.infer<typeof ChunkSizes>;

export const Chunking = z.strictObject({ file: ChunkSizes, table: ChunkSizes });
export type Chunking = z.infer<typeof Chunking>;

const packName = z.string().regex(/^\d{6}\.pack$/);

/** The part that anyone may read: enough to list, copy, age out and check a restore point without a key. */
export const ManifestHead = z.strictObject({
  format: z.literal(formatVersion),
  id: BackupId,
  type: BackupType,
  started_at: Timestamp,
  finished_at: Timestamp,
  host: label,
  service: label,
  tool: z.strictObject({ version: label, revision: label.nullable() }), // revision: of the source code, git
  base: BackupId.nullable(), // null unless incremental
  depends_on: z.array(BackupId).max(100_000), // restore points whose packs hold chunks of this one
  complete: z.boolean(), // false: something could not be read; the ledger says what
  retention_days: z.int().positive(),
  sizes: z.strictObject({
    source_bytes: bytes, // of everything that it describes, as it was at the source
    new_bytes: bytes, // of that, what its own packs hold, before compression
    stored_bytes: bytes, // of packs and index
  }),
  packs: z.array(StoredFile.extend({ name: packName })).max(999_999), // in packs/
  index: StoredFile.extend({ name: z.literal("chunks.idx") }),
  cipher: Cipher,
  key_slots: z.array(KeySlot).max(64), // empty when cipher is none
  chunking: Chunking,
});
export type ManifestHead = z.infer<typeof ManifestHead>;

/** What one source gave. */
export const ManifestSource = z.strictObject({
  component: Component,
  name: label, // the node, server, volume or container
  facts: z.record(z.string(), z.json()),
  entries: ContentRef, // the entry stream
  entry_count: count,
  rows: count,
  bytes, // of its contents
  grade: Grade.nullable(), // the weakest of its parts; null when it has none
});
export type ManifestSource = z.infer<typeof ManifestSource>;

/** The part that names things of the installation: sealed when there is a key. */
export const ManifestContents = z.strictObject({
  sources: z.array(ManifestSource).max(100_000),
  ledger: ContentRef, // the coverage ledger, JSON lines
  ledger_lines: count,
  grade: Grade.nullable(),
});
export type ManifestContents = z.infer<typeof ManifestContents>;

export interface Manifest {
  head: ManifestHead;
  contents: ManifestContents;
}
