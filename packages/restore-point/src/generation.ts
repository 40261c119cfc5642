import { BackupError } from "@erlmcp/errors";
import type { Manifest } from "@erlmcp/manifest";
import type { ChunkIndex, PackReader, RestorePointKey } from "@erlmcp/pack";
import { decodeEntries, type ManifestSource } from "@erlmcp/manifest";
import type { Entry } from "@erlmcp/entry";
import { openManifest, openReader, type RestorePointAccess } from "./restore-point.ts";

/** A full and its incrementals: what a further incremental deduplicates against. */
export interface Generation {
  readonly base: Manifest; // of the full
  readonly latest: Manifest; // of the newest restore point, whose entries tell what has not changed
  readonly key: RestorePointKey | undefined; // of the full
  readonly index: ChunkIndex;
  readonly reader: PackReader;
  /** The latest's entries of a source; undefined when it has none of that name. */
  entries(component: ManifestSource["component"], name: string): AsyncGenerator<Entry> | undefined;
  close(): Promise<void>;
}

/**
 * Opens a generation.
 *
 * @param ids the full, then its incrementals, oldest first
 * @throws BackupError as openRestorePoint, for any of them
 */
export async function openGeneration(access: RestorePointAccess, ids: readonly string[]): Promise<Generation> {
  const keys = new Map<string, RestorePointKey | undefined>();
  let base: Manifest | undefined;
  let latest: Manifest | undefined;
  for (const id of ids) {
    const opened = await openManifest(access, id);
    keys.set(id, opened.key);
    base ??= opened.manifest;
    latest = opened.manifest;
  }
  if (base === undefined || latest === undefined) throw new BackupError("FAILED", "a generation has at least its full");
  const reader = await openReader(access, keys);
  const { sources } = latest.contents;
  return {
    base,
    latest,
    key: keys.get(base.head.id),
    index: reader.index,
    reader,
    entries(component, name) {
      const source = sources.find((candidate) => candidate.component === component && candidate.name === name);
      if (source === undefined) return undefined;
      return decodeEntries(reader.read(source.entries), `entries of ${component} ${name}`);
    },
    close: () => reader.close(),
  };
}
