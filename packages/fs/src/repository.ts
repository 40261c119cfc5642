import { open, readFile } from "node:fs/promises";
import { join, parse } from "node:path";
import { BackupError } from "@erlmcp/errors";
import { checkKey, type ObjectStore, type RangeReader } from "@erlmcp/store";
import { createFile, once, replaceFile } from "./atomic.ts";
import { guarded, requireFreeBytes } from "./errors.ts";
import { createFsStore, makeFolders } from "./fs-store.ts";
import { freeBytesAt, isCode, namesIn, realIo, statOrUndefined, type Io } from "./io.ts";
import { layoutOf, modesFor, type Layout, type Modes } from "./layout.ts";
import { takeLock, type Flock, type LockHolder, type RepositoryLock } from "./lock.ts";
import { openFileRanges } from "./range-reader.ts";
import { beginStaging, type Staging } from "./staging.ts";

export interface RepositoryOptions {
  root: string; // BACKUP_ROOT
  flock: Flock;
  io?: Io; // another than the real one, for tests
}

export interface Recovered {
  removed: string[]; // names below .staging that a killed run had left
  catalogRewritten: boolean;
}

/** The local repository. Whoever changes it holds the exclusive lock; whoever only reads, the shared one. */
export interface Repository {
  readonly root: string;
  readonly store: ObjectStore;
  /** @throws BackupError LOCKED, naming the holder */
  lock(kind: "exclusive" | "shared", holder: LockHolder): RepositoryLock;
  /** The restore point `id` in the making. @throws BackupError FAILED when it exists */
  begin(id: string): Promise<Staging>;
  /**
   * Puts right what a killed run left: removes its staging and, when `reconcile` returns one, replaces the catalog.
   * `reconcile` is given the catalog's text as it stands.
   */
  recover(lock: RepositoryLock, reconcile: (catalog: string) => Promise<string | undefined>): Promise<Recovered>;
  /** Removes restore point `id` at one stroke: it is gone with the first rename, whatever happens then. */
  remove(lock: RepositoryLock, id: string): Promise<void>;
  /** Appends a line to the catalog; any lock will do, as nobody rewrites it meanwhile. */
  appendCatalog(lock: RepositoryLock, line: string): Promise<void>;
  /** Text of the catalog; empty when there is none. */
  readCatalog(): Promise<string>;
  /** Writes `receipts/NAME`, or with a number added when that exists; gives the path below the root. */
  writeReceipt(name: string, bytes: Uint8Array): Promise<string>;
  writeReport(name: string, bytes: Uint8Array): Promise<string>;
  /** Ranges of an object of a restore point: `packs/000001.pack`. @throws BackupError CORRUPT when it is missing */
  openObject(id: string, name: string): Promise<RangeReader>;
  freeBytes(): Promise<number>;
  /** @throws BackupError DISK_FULL */
  requireFreeBytes(bytes: number): Promise<void>;
}

/**
 * Opens the repository below `root`, creating what is missing of it.
 * @throws BackupError CONFIG_INVALID when it cannot be written
 */
export async function openRepository(options: RepositoryOptions): Promise<Repository> {
  const io = options.io ?? realIo;
  const layout = layoutOf(options.root);
  const modes = modesFor((await statOrUndefined(layout.root))?.mode);
  await guarded(layout.root, async () => {
    for (const path of [layout.staging, layout.catalogFolder, layout.receipts, layout.reports, layout.locks]) {
      await makeFolders(io, { path, mode: modes.folder });
    }
  });
  return repositoryAt({ layout, modes, io }, options.flock);
}

interface Place {
  layout: Layout;
  modes: Modes;
  io: Io;
}

function repositoryAt(place: Place, flock: Flock): Repository {
  const { layout, modes, io } = place;
  const inRoot = <T>(action: () => Promise<T>): Promise<T> => guarded(layout.root, action);
  return {
    root: layout.root,
    store: createFsStore({ root: layout.root, modes, io }),
    lock: (kind, holder) => takeLock({ path: layout.lock, kind, holder, mode: modes.file, flock }),
    begin: (id) => beginStaging({ ...place, id: checkName(id), appendCatalog: (line) => appendCatalog(place, line) }),
    recover: (lock, reconcile) => inRoot(() => recover(place, lock, reconcile)),
    remove: (lock, id) => inRoot(() => removeRestorePoint(place, lock, checkName(id))),
    appendCatalog: (lock, line) => inRoot(() => appendUnderLock(place, lock, line)),
    readCatalog: () => readCatalog(layout),
    writeReceipt: (name, bytes) => inRoot(() => writeUnique(place, { folder: "receipts", name }, bytes)),
    writeReport: (name, bytes) => inRoot(() => writeUnique(place, { folder: "reports", name }, bytes)),
    openObject: (id, name) => openFileRanges(layout.root, checkKey(`${checkName(id)}/${name}`)),
    freeBytes: () => freeBytesAt(layout.root),
    requireFreeBytes: (bytes) => requireFreeBytes(layout.root, bytes),
  };
}

function checkName(name: string): string {
  if (checkKey(name).includes("/") || name.startsWith("."))
    throw new BackupError("FAILED", `${name} cannot be a name here`);
  return name;
}

function requireExclusive(lock: RepositoryLock): void {
  if (lock.kind !== "exclusive" || !lock.held)
    throw new BackupError("FAILED", "this needs the exclusive lock of the repository");
}

async function readCatalog(layout: Layout): Promise<string> {
  try {
    return await readFile(layout.catalog, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return "";
    throw error;
  }
}

function appendUnderLock(place: Place, lock: RepositoryLock, line: string): Promise<void> {
  if (!lock.held) throw new BackupError("FAILED", "this needs a lock of the repository");
  return appendCatalog(place, line);
}

async function appendCatalog({ layout, modes, io }: Place, line: string): Promise<void> {
  const bytes = (await statOrUndefined(layout.catalog))?.size ?? 0;
  // After a torn line the new one must not become part of it.
  const torn = bytes > 0 && (await lastByte(layout.catalog)) !== "\n";
  const file = await io.open(layout.catalog, "a", modes.file);
  try {
    await file.write(Buffer.from(`${torn ? "\n" : ""}${line}\n`));
    await file.sync();
  } catch (error) {
    await file.truncate(bytes); // of a full disk not even a part of the line may take the last room
    throw error;
  } finally {
    await file.close();
  }
  await io.syncFolder(layout.catalogFolder);
}

async function lastByte(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer.toString("latin1");
  } finally {
    await file.close();
  }
}

async function recover(
  place: Place,
  lock: RepositoryLock,
  reconcile: (catalog: string) => Promise<string | undefined>,
): Promise<Recovered> {
  requireExclusive(lock);
  const { layout, modes, io } = place;
  const removed = await namesIn(layout.staging);
  for (const name of removed) await io.remove(join(layout.staging, name));
  if (removed.length > 0) await io.syncFolder(layout.staging);
  for (const folder of [layout.receipts, layout.reports]) await removeUnfinished(place, folder);
  const text = await reconcile(await readCatalog(layout));
  if (text !== undefined) {
    const target = { io, mode: modes.file, temporaryFolder: layout.staging };
    await replaceFile(target, layout.catalog, once(Buffer.from(text)));
  }
  return { removed, catalogRewritten: text !== undefined };
}

const hourMs = 3_600_000;

/** Receipts are written without the lock too: only what was begun an hour before this run took it is sure to be left over. */
async function removeUnfinished({ layout, io }: Place, folder: string): Promise<void> {
  const lockedAt = (await statOrUndefined(layout.lock))?.mtimeMs ?? 0;
  for (const name of await namesIn(folder)) {
    if (!name.startsWith(".")) continue;
    const path = join(folder, name);
    const begunAt = (await statOrUndefined(path))?.mtimeMs ?? lockedAt;
    if (begunAt < lockedAt - hourMs) await io.remove(path);
  }
}

async function removeRestorePoint({ layout, io }: Place, lock: RepositoryLock, id: string): Promise<void> {
  requireExclusive(lock);
  const doomed = join(layout.staging, `${id}.removed`);
  await io.remove(doomed);
  try {
    await io.rename(join(layout.root, id), doomed);
  } catch (cause) {
    if (!isCode(cause, "ENOENT")) throw cause;
    throw new BackupError("NOT_FOUND", `${layout.root} has no restore point ${id}`, { cause });
  }
  await io.syncFolder(layout.root);
  await io.remove(doomed);
}

async function writeUnique(
  { layout, modes, io }: Place,
  { folder, name }: { folder: "receipts" | "reports"; name: string },
  bytes: Uint8Array,
): Promise<string> {
  const path = join(layout.root, folder);
  // Not in .staging, which another job may be clearing: receipts are written without the lock too.
  const target = { io, mode: modes.file, temporaryFolder: path };
  const { name: stem, ext } = parse(checkName(name));
  for (let number = 1; ; number += 1) {
    const unique = number === 1 ? name : `${stem}-${number}${ext}`;
    if ((await createFile(target, join(path, unique), once(bytes))) === "stored") return `${folder}/${unique}`;
  }
}
