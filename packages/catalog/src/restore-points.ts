import { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { compareIds, manifestLimitBytes, parseManifestHead, parseReceipt, tryParseId } from "@erlmcp/manifest";
import { readObject, type ObjectStore } from "@erlmcp/store";
import { catalogLineOf, formatCatalogLine, parseCatalog, type CatalogLine, type KnownComponents } from "./line.ts";

const catalogKey = "catalog/backups.jsonl";
const catalogLimitBytes = 512 * 1024 * 1024;
/** Every verification adds a line: so many old ones may stay, and as many as there are restore points. */
const supersededLimit = 1000;
const receiptLimitBytes = 64 * 1024 * 1024;

/** A folder that is called like a restore point and cannot be used as one. */
export interface Unusable {
  backup_id: string;
  reason: string;
}

export interface RestorePoints {
  points: CatalogLine[]; // oldest first
  unusable: Unusable[];
}

/**
 * The restore points of a repository, wherever it lies. What exists decides, not the catalog: points that it lacks are read
 * from their manifests, and its lines without a restore point are left out.
 */
export async function listRestorePoints(store: ObjectStore): Promise<RestorePoints> {
  return gather(store, parseCatalog(await readCatalogText(store)).lines);
}

/** As listRestorePoints, from the manifests alone. */
export async function rebuildCatalog(store: ObjectStore): Promise<RestorePoints> {
  return gather(store, []);
}

/** The text of a catalog with these restore points. */
export function formatCatalog(points: readonly CatalogLine[]): string {
  return points.map((point) => `${formatCatalogLine(point)}\n`).join("");
}

export interface Reconciled extends RestorePoints {
  text: string | undefined; // what the catalog should be; undefined when it is as it should be
  changes: string[]; // in words, for the log
}

/** Compares a catalog's text with what is there: drops torn lines and such without restore point, adds missing ones. */
export async function reconcileCatalog(store: ObjectStore, catalog: string): Promise<Reconciled> {
  const { lines, damaged, superseded } = parseCatalog(catalog);
  const found = await gather(store, lines);
  const before = new Set(lines.map((line) => line.backup_id));
  const after = new Set(found.points.map((point) => point.backup_id));
  const changes = [
    ...(damaged > 0 ? [`dropped ${damaged} damaged lines`] : []),
    ...(superseded > supersededLimit + lines.length ? [`dropped ${superseded} superseded lines`] : []),
    ...[...before].filter((id) => !after.has(id)).map((id) => `dropped ${id}: it is not there`),
    ...[...after].filter((id) => !before.has(id)).map((id) => `added ${id}`),
  ];
  return { ...found, changes, text: changes.length === 0 ? undefined : formatCatalog(found.points) };
}

async function gather(store: ObjectStore, lines: readonly CatalogLine[]): Promise<RestorePoints> {
  const known = new Map(lines.map((line) => [line.backup_id, line]));
  const points: CatalogLine[] = [];
  const unusable: Unusable[] = [];
  for await (const id of store.folders("")) {
    if (tryParseId(id) === undefined) continue;
    const point = (await knownPoint(store, known.get(id))) ?? (await pointOrReason(store, id));
    if (typeof point === "string") unusable.push({ backup_id: id, reason: point });
    else points.push(point);
  }
  return { points: points.toSorted((a, b) => compareIds(a.backup_id, b.backup_id)), unusable };
}

/** A line of the catalog counts as long as the manifest is there. */
async function knownPoint(store: ObjectStore, line: CatalogLine | undefined): Promise<CatalogLine | undefined> {
  if (line === undefined) return undefined;
  return (await store.stat(`${line.backup_id}/manifest.json`)) === undefined ? undefined : line;
}

async function pointOrReason(store: ObjectStore, id: string): Promise<CatalogLine | string> {
  try {
    return await readPoint(store, id);
  } catch (error) {
    const expected = error instanceof BackupError && ["NOT_FOUND", "CORRUPT", "FORMAT_UNKNOWN"].includes(error.code);
    if (expected) return error.message;
    throw error;
  }
}

async function readPoint(store: ObjectStore, id: string): Promise<CatalogLine> {
  const key = `${id}/manifest.json`;
  const head = parseManifestHead(await readObject(store, key, manifestLimitBytes), key);
  if (head.id !== id) throw new BackupError("CORRUPT", `${key} is that of ${head.id}`);
  return catalogLineOf(head, await knownComponents(store, id));
}

/** From the receipt, which is there to be read without a key; without it a restore point is as good as with it. */
async function knownComponents(store: ObjectStore, id: string): Promise<KnownComponents | undefined> {
  const key = `${id}/receipt.json`;
  try {
    const receipt = parseReceipt(await readObject(store, key, receiptLimitBytes), key);
    if (receipt.backup_id !== id || receipt.components === null) return undefined;
    return {
      components: Component.options.filter((one) => receipt.components?.[one] !== undefined),
      grade: receipt.grade,
    };
  } catch (error) {
    if (error instanceof BackupError && ["NOT_FOUND", "CORRUPT", "FORMAT_UNKNOWN"].includes(error.code))
      return undefined;
    throw error;
  }
}

async function readCatalogText(store: ObjectStore): Promise<string> {
  try {
    return (await readObject(store, catalogKey, catalogLimitBytes)).toString("utf8");
  } catch (error) {
    if (error instanceof BackupError && error.code === "NOT_FOUND") return "";
    throw error;
  }
}

/**
 * Finds a restore point by what an operator writes: an ID, or `latest`.
 * @throws BackupError NOT_FOUND
 */
export function findRestorePoint(points: readonly CatalogLine[], wanted: string): CatalogLine {
  const found =
    wanted === "latest"
      ? points.toSorted((a, b) => compareIds(a.backup_id, b.backup_id)).at(-1)
      : points.find((point) => point.backup_id === wanted);
  if (found !== undefined) return found;
  throw new BackupError(
    "NOT_FOUND",
    wanted === "latest" ? "there is no restore point yet" : `there is no restore point ${wanted}`,
    {
      hint: "`restore --list` shows those that exist.",
    },
  );
}
