import { join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import { checkKey } from "@erlmcp/store";
import { once, writeFileSynced } from "./atomic.ts";
import { guarded } from "./errors.ts";
import { makeFolders } from "./fs-store.ts";
import { isCode, statOrUndefined, type Io } from "./io.ts";
import type { Layout, Modes } from "./layout.ts";

/** An object that is being written. */
export interface StagedFile {
  /** Appends. */
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes and closes it. */
  close(): Promise<void>;
}

/** A restore point in the making, in `.staging/ID/`: invisible until commit, gone after abort. */
export interface Staging {
  readonly id: string;
  /** For what is needed only while the run lasts (sort runs); a folder that is there, removed before the commit. */
  readonly spillFolder: string;
  /** @param name relative to the restore point: `packs/000001.pack`, `chunks.idx` */
  create(name: string): Promise<StagedFile>;
  /** Writes a small object of the restore point (`manifest.json` …) and flushes it. */
  writeFile(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Makes it a restore point: from the moment of the rename it is there, and stays. `catalogLine` is appended after that;
   * when this fails, or the process dies between the two, recover adds the line.
   *
   * @returns why the line could not be appended (a full disk); undefined when it was
   */
  commit(catalogLine: string): Promise<BackupError | undefined>;
  /** Removes everything; the repository is as it was. */
  abort(): Promise<void>;
}

export interface StagingOptions {
  id: string;
  layout: Layout;
  modes: Modes;
  io: Io;
  appendCatalog(line: string): Promise<void>;
}

export async function beginStaging(options: StagingOptions): Promise<Staging> {
  const { id, layout, modes, io } = options;
  const folder = join(layout.staging, id);
  const packs = join(folder, "packs");
  const spillFolder = join(folder, "spill");
  const final = join(layout.root, id);
  const inRoot = <T>(action: () => Promise<T>): Promise<T> => guarded(layout.root, action);
  let state: "open" | "committed" | "aborted" = "open";

  async function refuseExisting(): Promise<void> {
    if ((await statOrUndefined(final)) === undefined) return;
    throw new BackupError("FAILED", `${id} exists already`, {
      hint: "Restore points are never overwritten; run the job again.",
    });
  }

  async function create(name: string): Promise<StagedFile> {
    const file = await io.open(join(folder, checkKey(name)), "wx", modes.file);
    return {
      write: (bytes) => inRoot(() => file.write(bytes)),
      close: () =>
        inRoot(async () => {
          try {
            await file.sync();
          } finally {
            await file.close();
          }
        }),
    };
  }

  async function commit(catalogLine: string): Promise<BackupError | undefined> {
    if (state !== "open") throw new BackupError("FAILED", `${id} is ${state} already`);
    await refuseExisting(); // rename would replace an empty folder
    await io.remove(spillFolder);
    await io.syncFolder(packs);
    await io.syncFolder(folder);
    await io.rename(folder, final);
    state = "committed";
    await io.syncFolder(layout.root);
    await io.syncFolder(layout.staging);
    return appendLine(catalogLine);
  }

  /** The restore point is whole without it, so that a failure here must not count as one of the run. */
  async function appendLine(line: string): Promise<BackupError | undefined> {
    try {
      await inRoot(() => options.appendCatalog(line));
      return undefined;
    } catch (error) {
      if (error instanceof BackupError) return error;
      throw error;
    }
  }

  await inRoot(async () => {
    await refuseExisting();
    await makeFolders(io, { path: layout.staging, mode: modes.folder });
    try {
      await io.mkdir(folder, modes.folder);
    } catch (cause) {
      if (!isCode(cause, "EEXIST")) throw cause;
      throw new BackupError("FAILED", `${id} is being made already, or a killed run left it`, {
        hint: "The next run that holds the lock removes it.",
        cause,
      });
    }
    await io.mkdir(packs, modes.folder);
    await io.mkdir(spillFolder, modes.folder);
  });

  return {
    id,
    spillFolder,
    create: (name) => inRoot(() => create(name)),
    writeFile: (name, bytes) =>
      inRoot(() => writeFileSynced({ io, path: join(folder, checkKey(name)), mode: modes.file }, once(bytes))),
    commit: (line) => inRoot(() => commit(line)),
    async abort() {
      if (state !== "open") return;
      state = "aborted";
      await inRoot(() => io.remove(folder));
    },
  };
}
