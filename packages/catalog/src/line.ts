import { Component, Grade } from "@erlmcp/entry";
import { canonicalJson, Cipher, tryParseId, type ManifestHead } from "@erlmcp/manifest";
import { z } from "zod";

const count = z.int().nonnegative();
const backupId = z.string().refine((id) => tryParseId(id) !== undefined);

/** The last verification of a restore point; it stands in the catalog alone, as a restore point is never changed. */
export const Verified = z.looseObject({
  at: z.iso.datetime(), // when it ended
  mode: z.enum(["quick", "full"]),
  findings: count, // things that were wrong, with what it depends on
  drill: z
    .looseObject({
      at: z.iso.datetime(),
      rto_seconds: z.number().nonnegative().nullable(), // to restore it, as measured; null when it did not come back
      boot: z.boolean(), // until the application was well
    })
    .optional(), // the last time that it was restored into throwaway containers
});
export type Verified = z.infer<typeof Verified>;

/** A mark that keeps a restore point whatever its age says. */
export const Held = z.looseObject({ until: z.iso.datetime(), reason: z.string() });

/**
 * One line of catalog/backups.jsonl, derived from a manifest and the receipt beside it. For listing and choosing: whoever
 * relies on a restore point opens its manifest. Unknown members are kept, so that other versions can share a catalog.
 */
export const CatalogLine = z.looseObject({
  backup_id: backupId,
  type: z.enum(["full", "incremental", "compliance"]),
  timestamp: z.iso.datetime(), // when it began
  path: z.string(), // below the root of the repository
  retention_days: z.int().positive(),
  format: z.int(),
  base: backupId.nullable(),
  depends_on: z.array(backupId),
  complete: z.boolean(),
  bytes: count, // stored, of this restore point alone
  source_bytes: count,
  cipher: Cipher,
  key_ids: z.array(z.string()),
  chunking: z.string(), // equal text, equal boundaries
  host: z.string(),
  service: z.string().optional(), // the job that it was taken for; lines of older versions lack it
  components: z.array(Component).nullable(), // null: not known without the key
  grade: Grade.nullable(),
  verified: Verified.optional(), // absent: never, or not since the catalog was made anew from the manifests
  replicas: z.array(z.string()).optional(), // names of the targets that hold a whole copy; absent: not known
  held: Held.optional(),
});
export type CatalogLine = z.infer<typeof CatalogLine>;

/** What the sealed part of a manifest, or its receipt, tells of the components. */
export interface KnownComponents {
  components: readonly Component[];
  grade: Grade | null;
}

export function catalogLineOf(head: ManifestHead, known: KnownComponents | undefined): CatalogLine {
  return {
    backup_id: head.id,
    type: head.type,
    timestamp: head.started_at,
    path: head.id,
    retention_days: head.retention_days,
    format: head.format,
    base: head.base,
    depends_on: head.depends_on,
    complete: head.complete,
    bytes: head.sizes.stored_bytes,
    source_bytes: head.sizes.source_bytes,
    cipher: head.cipher,
    key_ids: head.key_slots.map((slot) => slot.key_id),
    chunking: canonicalJson(head.chunking),
    host: head.host,
    service: head.service,
    components: known === undefined ? null : Component.options.filter((one) => known.components.includes(one)),
    grade: known?.grade ?? null,
  };
}

/** The line as it is written, without the newline. */
export function formatCatalogLine(line: CatalogLine): string {
  return canonicalJson(line);
}

export interface ParsedCatalog {
  lines: CatalogLine[]; // the last line of each restore point, in the order of the file
  damaged: number; // lines that are torn or otherwise not what formatCatalogLine writes
  superseded: number; // lines that a later one of the same restore point replaces
}

/** Never fails: the catalog is derived, and what cannot be read of it is read from the manifests instead. */
export function parseCatalog(text: string): ParsedCatalog {
  const lines = new Map<string, CatalogLine>();
  let damaged = 0;
  let whole = 0;
  for (const row of text.split("\n")) {
    if (row === "") continue;
    const line = parseLine(row);
    if (line === undefined) damaged += 1;
    else {
      whole += 1;
      lines.set(line.backup_id, line);
    }
  }
  if (text !== "" && !text.endsWith("\n")) damaged += 1; // a whole line that lacks just its newline is torn as well
  return { lines: [...lines.values()], damaged, superseded: whole - lines.size };
}

function parseLine(row: string): CatalogLine | undefined {
  try {
    const parsed = CatalogLine.safeParse(JSON.parse(row));
    return parsed.success && parsed.data.path === parsed.data.backup_id ? parsed.data : undefined;
  } catch {
    return undefined; // not JSON: torn; counted as damaged
  }
}
