import type { Keyring } from "@erlmcp/crypto";
import type { ContentRef, Entry, LedgerLine } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import {
  decodeEntries,
  decodeLedger,
  manifestLimitBytes,
  parseChecksums,
  parseManifest,
  parseManifestHead,
  sha256Hex,
  type Manifest,
  type ManifestSource,
} from "@erlmcp/manifest";
import {
  createChunkIndex,
  createPackReader,
  indexName,
  loadIndex,
  type ChunkIndex,
  type PackReader,
  type RangeReader,
  type RestorePointKey,
} from "@erlmcp/pack";
import { readObject, type ObjectStore } from "@erlmcp/store";
import { documentSealer, manifestKeys, unlock } from "./keys.ts";

/** Where restore points lie, and the key that opens them. */
export interface RestorePointAccess {
  readonly store: ObjectStore;
  readonly keyring: Keyring | undefined;
  /** @param name relative to the restore point: "packs/000001.pack", "chunks.idx" */
  open(id: string, name: string): Promise<RangeReader>;
}

/** An opened restore point: its manifest has been authenticated, what is read from it is checked chunk by chunk. */
export interface RestorePoint {
  readonly manifest: Manifest;
  readonly key: RestorePointKey | undefined;
  entries(source: ManifestSource): AsyncGenerator<Entry>;
  read(content: ContentRef): AsyncGenerator<Buffer, void, undefined>;
  ledger(): AsyncGenerator<LedgerLine>;
  close(): Promise<void>;
}

export interface OpenedManifest {
  readonly manifest: Manifest;
  readonly key: RestorePointKey | undefined;
}

/** @throws BackupError NOT_FOUND, CORRUPT, FORMAT_UNKNOWN, KEY_MISSING, KEY_WRONG */
export async function openManifest({ store, keyring }: RestorePointAccess, id: string): Promise<OpenedManifest> {
  const name = `${id}/manifest.json`;
  const bytes = await readObject(store, name, manifestLimitBytes);
  const head = parseManifestHead(bytes, name);
  if (head.id !== id) throw new BackupError("CORRUPT", `${name} is that of ${head.id}`);
  const key = await unlock(head, keyring);
  if (key === undefined) await compareChecksum(store, id, bytes);
  return { manifest: parseManifest(bytes, key && manifestKeys(key), name), key };
}

/** Without a key there is no MAC: that a letter of a name has changed shows in checksums.sha256 alone. */
async function compareChecksum(store: ObjectStore, id: string, manifest: Buffer): Promise<void> {
  const name = `${id}/checksums.sha256`;
  const text = (await readObject(store, name, manifestLimitBytes)).toString("utf8");
  const line = parseChecksums(text, name).find((one) => one.name === "manifest.json");
  if (line?.sha256 === sha256Hex(manifest)) return;
  throw new BackupError("CORRUPT", `${id}/manifest.json is not what checksums.sha256 says, or that is damaged`, {
    hint: "Run verify, which tells which of them; take it from a replica.",
  });
}

/** Opens a restore point and everything that it depends on. Close it on every way out. */
export async function openRestorePoint(access: RestorePointAccess, id: string): Promise<RestorePoint> {
  const { manifest, key } = await openManifest(access, id);
  const points = new Map([[id, key]]);
  for (const other of manifest.head.depends_on) points.set(other, (await openManifest(access, other)).key);
  const reader = await openReader(access, points);
  const { contents } = manifest;
  return {
    manifest,
    key,
    entries: (source) => decodeEntries(reader.read(source.entries), `entries of ${source.component} ${source.name}`),
    read: (content) => reader.read(content),
    ledger: () => decodeLedger(reader.read(contents.ledger), `ledger of ${id}`),
    close: () => reader.close(),
  };
}

/** A reader over the chunks of several restore points, opened with the key of each. */
export async function openReader(
  access: RestorePointAccess,
  points: ReadonlyMap<string, RestorePointKey | undefined>,
): Promise<PackReader & { readonly index: ChunkIndex }> {
  const index = createChunkIndex();
  for (const [restorePoint, key] of points) {
    const file = await access.open(restorePoint, indexName);
    try {
      await loadIndex(index, { restorePoint, file, sealer: documentSealer(key) });
    } finally {
      await file.close?.();
    }
  }
  const reader = createPackReader({
    index,
    open: (restorePoint, name) => access.open(restorePoint, name),
    key: (restorePoint) => points.get(restorePoint),
  });
  return { ...reader, index };
}

/**
 * Why a restore point can't be built on, in words: its manifest does not open, or an object is missing or has another
 * length. Undefined when all is there. Reads no contents: that is verify's work.
 */
export async function whyUnusable(access: RestorePointAccess, id: string): Promise<string | undefined> {
  try {
    const { head } = (await openManifest(access, id)).manifest;
    for (const { name, bytes } of [
      ...head.packs.map((pack) => ({ ...pack, name: `packs/${pack.name}` })),
      head.index,
    ]) {
      const info = await access.store.stat(`${id}/${name}`);
      if (info === undefined) return `lacks ${name}`;
      if (info.bytes !== bytes) return `has ${name} with ${info.bytes} bytes instead of ${bytes}`;
    }
    return undefined;
  } catch (error) {
    if (error instanceof BackupError && expected.has(error.code)) return `cannot be opened (${error.message})`;
    throw error;
  }
}

const expected = new Set(["NOT_FOUND", "CORRUPT", "FORMAT_UNKNOWN", "KEY_MISSING", "KEY_WRONG"]);
