import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import {
  checkBody,
  checkKey,
  checkRange,
  compareKeys,
  piecesOf,
  refuseAttributes,
  type ObjectInfo,
  type ObjectStore,
} from "@erlmcp/store";
import { createFile, replaceFile } from "./atomic.ts";
import { guarded } from "./errors.ts";
import { isCode, statOrUndefined, type Io } from "./io.ts";
import { layoutOf, type Modes } from "./layout.ts";

export interface FsStoreOptions {
  root: string;
  modes: Modes;
  io: Io;
}

const readBytes = 1024 * 1024; // a read at a time

/** A folder as an object store: keys are paths below it. Names that begin with a dot are not objects. */
export function createFsStore({ root, modes, io }: FsStoreOptions): ObjectStore {
  const { staging } = layoutOf(root);

  function pathOf(key: string): string {
    if (checkKey(key).startsWith(".")) throw new BackupError("FAILED", `${JSON.stringify(key)} cannot be a key`);
    return join(root, key);
  }

  return {
    name: root,

    async put(key, body, options = {}) {
      const path = pathOf(key);
      refuseAttributes(options, root);
      options.signal?.throwIfAborted();
      return guarded(root, async () => {
        if (options.ifAbsent === true && (await statOrUndefined(path)) !== undefined) return "exists";
        await makeFolders(io, { path: staging, mode: modes.folder });
        await makeFolders(io, { path: dirname(path), mode: modes.folder });
        const target = { io, mode: modes.file, temporaryFolder: staging };
        const pieces = stoppable(checkBody(piecesOf(body), options, key), options.signal);
        if (options.ifAbsent === true) return createFile(target, path, pieces);
        await replaceFile(target, path, pieces);
        return "stored";
      });
    },

    async *get(key, range, signal) {
      const path = pathOf(key);
      const facts = await statOrUndefined(path);
      if (facts?.isFile() !== true) throw new BackupError("NOT_FOUND", `${root} has no ${key}`);
      const { offset, bytes } = range ?? { offset: 0, bytes: facts.size };
      checkRange({ offset, bytes }, facts.size, key);
      if (bytes === 0) return;
      let received = 0;
      const options = { start: offset, end: offset + bytes - 1, highWaterMark: readBytes };
      const stream: AsyncIterable<Buffer> = createReadStream(
        path,
        signal === undefined ? options : { ...options, signal },
      );
      for await (const piece of stream) {
        received += piece.length;
        yield piece;
      }
      if (received < bytes) throw new BackupError("CORRUPT", `${key} became shorter while it was read`);
    },

    async stat(key) {
      const facts = await statOrUndefined(pathOf(key));
      return facts?.isFile() === true ? { key, bytes: facts.size } : undefined;
    },

    async *list(prefix) {
      const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      if (folder !== "") pathOf(folder.slice(0, -1));
      for await (const info of walk(root, folder)) {
        if (info.key.startsWith(prefix)) yield info;
      }
    },

    async *folders(prefix) {
      if (prefix !== "") pathOf(prefix.slice(0, -1));
      for (const { name, isFolder } of await childrenOf(join(root, prefix))) {
        if (isFolder && (await hasObjects(root, `${prefix}${name}/`))) yield name;
      }
    },

    async delete(keys) {
      const paths = keys.map(pathOf);
      await guarded(root, async () => {
        for (const path of paths) await removeObject(io, path);
      });
    },
  };
}

async function* stoppable(
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    yield piece;
  }
}

async function removeObject(io: Io, path: string): Promise<void> {
  try {
    await io.unlink(path);
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return;
    throw error;
  }
  await io.syncFolder(dirname(path));
}

/** Creates a folder and those above it that are missing, each flushed into the one above. */
export async function makeFolders(io: Io, { path, mode }: { path: string; mode: number }): Promise<void> {
  if ((await statOrUndefined(path)) !== undefined) return;
  await makeFolders(io, { path: dirname(path), mode });
  try {
    await io.mkdir(path, mode);
  } catch (error) {
    if (isCode(error, "EEXIST")) return; // made by another job meanwhile
    throw error;
  }
  await io.syncFolder(dirname(path));
}

async function childrenOf(path: string): Promise<{ name: string; isFolder: boolean }[]> {
  try {
    const children = await readdir(path, { withFileTypes: true });
    return children
      .filter((child) => !child.name.startsWith(".") && (child.isDirectory() || child.isFile()))
      .map((child) => ({ name: child.name, isFolder: child.isDirectory() }))
      .toSorted((a, b) => compareKeys(sortName(a), sortName(b)));
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return [];
    throw error;
  }
}

/** Keys below a folder begin with its name and a slash: so it takes its place among the names of files. */
function sortName({ name, isFolder }: { name: string; isFolder: boolean }): string {
  return isFolder ? `${name}/` : name;
}

async function* walk(root: string, prefix: string): AsyncGenerator<ObjectInfo> {
  for (const { name, isFolder } of await childrenOf(join(root, prefix))) {
    const key = prefix + name;
    if (isFolder) {
      yield* walk(root, `${key}/`);
    } else {
      const facts = await statOrUndefined(join(root, key));
      if (facts !== undefined) yield { key, bytes: facts.size };
    }
  }
}

/** An object store has no empty folders. */
async function hasObjects(root: string, prefix: string): Promise<boolean> {
  for await (const _ of walk(root, prefix)) return true;
  return false;
}
