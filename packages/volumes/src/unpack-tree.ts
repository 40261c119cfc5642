import { readdirSync, renameSync } from "node:fs";
import type { Entry, FileEntry, LinkEntry, NodeEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import {
  type ByteName,
  closeFolder,
  errorCode,
  type FileFacts,
  linkAt,
  makeFolderAt,
  makeNodeAt,
  openFolderAt,
  pathInFolder,
  readLinkAt,
  symlinkAt,
  syncFileSystem,
} from "@erlmcp/posix";
import { applyAttributes, pathOf, treeEntry, type TreeEntry } from "./attributes.ts";
import { factsAt, linkTarget, nodeFacts, remove } from "./made.ts";
import { isUntouched, openDown, startsWith, temporaryName } from "./in-place.ts";
import { displayPath } from "./names.ts";
import { type OpenFolder, OpenTree } from "./open-tree.ts";
import { namesOf } from "./safe-path.ts";
import type { Unpacked, UnpackTreeOptions } from "./unpack-options.ts";
import { hasContent, writeFileAt } from "./write-file.ts";

/**
 * Makes a folder what a captured tree was: content, holes, names, links, owners, modes, times, attributes. In place, what is
 * right already is not written, what changes is written beside and renamed, and what the restore point does not have goes.
 * Done again after having been cut off, it comes to the same.
 *
 * @throws BackupError CORRUPT for entries that would leave the folder or that lie about their size; DISK_FULL; FAILED
 */
export async function unpackTree(options: UnpackTreeOptions): Promise<Unpacked> {
  const unpacker = new Unpacker(options);
  try {
    for await (const entry of options.entries) {
      options.signal.throwIfAborted();
      await unpacker.take(entry);
    }
    return unpacker.finish();
  } catch (error) {
    throw explained(error, options.target);
  } finally {
    unpacker.close();
  }
}

function explained(cause: unknown, target: string): unknown {
  const code = errorCode(cause);
  if (code !== "ENOSPC" && code !== "EDQUOT") return cause;
  return new BackupError("DISK_FULL", `no room is left in ${target}`, {
    hint: "Make room there and run it again.",
    cause,
  });
}

class Unpacker {
  readonly #options: UnpackTreeOptions;
  readonly #tree: OpenTree;
  readonly #folders = new Map<string, NodeEntry>(); // entered and not left yet
  readonly #selected: readonly ByteName[][] | undefined;
  readonly #made = new Set<string>(); // folders on the way to what is selected that were not there
  readonly #met = new Set<string>(); // of the selected paths and the folders above them: what the entries have
  readonly #removes: boolean;
  readonly #shared = new Set<bigint>(); // kept files with several names: another captured file cannot be one of them
  readonly done: Unpacked = { created: 0, replaced: 0, adjusted: 0, kept: 0, unread: 0, deleted: 0, bytes: 0 };

  constructor(options: UnpackTreeOptions) {
    this.#options = options;
    this.#selected = options.paths?.map((path) => namesOf(path));
    const others = options.others ?? (options.paths === undefined ? "remove" : "leave");
    this.#removes = options.mode === "in-place" && others === "remove";
    this.#tree = new OpenTree(options.target, {
      enter: (parent, name) => this.#enter(parent, name),
      leave: (folder) => this.#leave(folder),
    });
  }

  async take(entry: Entry): Promise<void> {
    const tree = treeEntry(entry);
    const names = namesOf(tree.path);
    const place = this.#placeOf(names);
    if (place === "outside") return;
    if (this.#selected?.some((path) => startsWith(path, names)) === true) this.#met.add(names.join("/"));
    if (tree.kind === "folder") {
      this.#folders.set(names.join("/"), tree);
      this.#tree.folder(names);
      return;
    }
    const name = names.at(-1);
    if (name === undefined) throw new BackupError("CORRUPT", `the root of the tree is a ${tree.kind}`);
    const folder = this.#tree.folder(names.slice(0, -1));
    if (folder.seen.has(name)) {
      throw new BackupError("CORRUPT", `${displayPath(pathOf(tree))} is twice in the restore point`);
    }
    folder.seen.add(name);
    if (place === "inside") await this.#put(folder, name, tree);
  }

  finish(): Unpacked {
    const root = openFolderAt(this.#tree.root.fd, ".");
    try {
      this.#tree.finish();
      if (this.#removes) this.#removeUnmet(root);
      syncFileSystem(root); // everything at once: file by file it would take longer than writing them
    } finally {
      closeFolder(root);
    }
    return this.done;
  }

  close(): void {
    this.#tree.close();
  }

  /** `above`: a folder on the way to what is selected, which is not ours to change. */
  #placeOf(names: readonly ByteName[]): "inside" | "above" | "outside" {
    if (this.#selected === undefined) return "inside";
    if (this.#selected.some((path) => startsWith(names, path))) return "inside";
    return this.#selected.some((path) => startsWith(path, names)) ? "above" : "outside";
  }

  #enter(parent: OpenFolder, name: ByteName): void {
    const there = factsAt(parent.fd, name);
    if (there?.kind === "folder" && this.#options.mode === "in-place") return;
    const names = [...parent.names, name];
    if (there !== undefined && this.#placeOf(names) === "above") throw this.#inTheWay(names, there);
    this.#clear(parent, name, there);
    makeFolderAt(parent.fd, name);
    this.#made.add(names.join("/"));
    this.done.created += 1;
  }

  /** What stands where the way to a selected path goes is not selected, so not ours to replace. */
  #inTheWay(names: readonly ByteName[], { kind }: FileFacts): BackupError {
    const path = displayPath(names.join("/"));
    return new BackupError("FAILED", `${path} is a ${kind} in ${this.#options.target}, and was a folder`, {
      hint: `Move it away, or restore all of ${path} by --path.`,
    });
  }

  #leave(folder: OpenFolder): void {
    const path = folder.names.join("/");
    const entry = this.#folders.get(path);
    this.#folders.delete(path);
    const made = this.#made.delete(path);
    if (this.#options.mode === "in-place") remove(folder.fd, temporaryName(folder, this.#options.tag)); // of a run that was cut off
    const inside = this.#placeOf(folder.names) === "inside";
    if (entry === undefined || !(inside || made)) return;
    if (inside && this.#removes) this.#deleteOthers(folder);
    if (applyAttributes(folder.fd, ".", entry)) this.done.adjusted += 1;
    else this.done.kept += 1;
  }

  #deleteOthers(folder: OpenFolder): void {
    for (const raw of readdirSync(pathInFolder(folder.fd, "."), { encoding: "buffer" })) {
      const name = raw.toString("latin1");
      if (folder.seen.has(name)) continue;
      remove(folder.fd, name);
      this.done.deleted += 1;
    }
  }

  /** Of each selected path that the restore point does not have: it, or the first folder above that is not there either. */
  #removeUnmet(root: number): void {
    for (const path of this.#selected ?? []) {
      const depth = path.findIndex((_, at) => !this.#met.has(path.slice(0, at + 1).join("/")));
      if (depth < 0) continue;
      const folder = openDown(root, path.slice(0, depth));
      if (folder === undefined) continue;
      try {
        const name = path[depth] ?? "";
        if (factsAt(folder, name) !== undefined) this.done.deleted += 1;
        remove(folder, name);
      } finally {
        closeFolder(folder);
      }
    }
  }

  async #put(folder: OpenFolder, name: ByteName, entry: Exclude<TreeEntry, { kind: "folder" }>): Promise<void> {
    const there = factsAt(folder.fd, name);
    if (there !== undefined && this.#options.mode === "fresh") this.#clear(folder, name, there);
    if (there !== undefined && (await this.#isRight(folder, name, { entry, there }))) {
      if (entry.kind !== "hardlink" && applyAttributes(folder.fd, name, entry)) this.done.adjusted += 1;
      else this.done.kept += 1;
      return;
    }
    if (there === undefined) {
      await this.#make(folder, name, entry);
      this.done.created += 1;
      return;
    }
    const beside = temporaryName(folder, this.#options.tag);
    remove(folder.fd, beside); // of a run that was cut off
    await this.#make(folder, beside, entry);
    if (there.kind === "folder") remove(folder.fd, name);
    renameSync(pathInFolder(folder.fd, beside), pathInFolder(folder.fd, name));
    this.done.replaced += 1;
  }

  async #make(folder: OpenFolder, name: ByteName, entry: Exclude<TreeEntry, { kind: "folder" }>): Promise<void> {
    try {
      if (entry.kind === "file") await this.#makeFile(folder, name, entry);
      else if (entry.kind === "symlink") symlinkAt(linkTarget(entry), folder.fd, name);
      else if (entry.kind === "hardlink") this.#link(folder, name, entry);
      else makeNodeAt(folder.fd, name, nodeFacts(entry));
      if (entry.kind !== "hardlink") applyAttributes(folder.fd, name, entry);
    } catch (error) {
      remove(folder.fd, name);
      throw error;
    }
  }

  async #makeFile(folder: OpenFolder, name: ByteName, entry: FileEntry): Promise<void> {
    const { read, onBytes } = this.#options;
    const bytes = await writeFileAt(folder.fd, name, { entry, read, durable: false });
    this.done.bytes += bytes;
    onBytes?.(bytes);
  }

  /** A further name of a file that has been put, or was right, before. */
  #link(folder: OpenFolder, name: ByteName, entry: LinkEntry): void {
    const first = namesOf(entry.target);
    if (this.#placeOf(first) !== "inside") {
      throw new BackupError(
        "USAGE",
        `${displayPath(pathOf(entry))} is a further name of ${displayPath(first.join("/"))}`,
        {
          hint: "Restore that one too, by another --path.",
        },
      );
    }
    const from = this.#openFolder(first.slice(0, -1), entry);
    try {
      linkAt({ folder: from, name: first.at(-1) ?? "" }, { folder: folder.fd, name });
    } finally {
      closeFolder(from);
    }
  }

  /** Down from the root, through folders alone. */
  #openFolder(names: readonly ByteName[], entry: LinkEntry): number {
    const fd = openDown(this.#tree.root.fd, names);
    if (fd !== undefined) return fd;
    const path = displayPath(pathOf(entry));
    throw new BackupError("CORRUPT", `${path} is a further name of a file that is not there`);
  }

  async #isRight(
    folder: OpenFolder,
    name: ByteName,
    { entry, there }: { entry: Exclude<TreeEntry, { kind: "folder" }>; there: FileFacts },
  ): Promise<boolean> {
    if (entry.kind === "hardlink") return this.#isSameFile(there, entry);
    if (there.kind !== entry.kind) return false;
    if (entry.kind === "symlink") return readLinkAt(folder.fd, name).equals(linkTarget(entry));
    if (entry.kind !== "file") {
      const { device = there.number } = nodeFacts(entry);
      const { major, minor } = device;
      return there.number.major === major && there.number.minor === minor;
    }
    if (there.size !== entry.size || this.#shared.has(there.inode)) return false;
    const untouched = isUntouched(there, entry);
    if (untouched) this.done.unread += 1;
    const right = untouched || (await hasContent(folder.fd, name, { entry, read: this.#options.read }));
    if (right && there.links > 1) this.#shared.add(there.inode);
    return right;
  }

  #isSameFile(there: FileFacts, entry: LinkEntry): boolean {
    if (there.links < 2) return false;
    const first = namesOf(entry.target);
    const from = this.#openFolder(first.slice(0, -1), entry);
    try {
      return factsAt(from, first.at(-1) ?? "")?.inode === there.inode;
    } finally {
      closeFolder(from);
    }
  }

  #clear(folder: OpenFolder, name: ByteName, there: FileFacts | undefined): void {
    if (there === undefined) return;
    if (this.#options.mode === "fresh") {
      const path = displayPath([...folder.names, name].join("/"));
      throw new BackupError("FAILED", `${path} exists already in ${this.#options.target}`, {
        hint: "Unpack into an empty folder.",
      });
    }
    remove(folder.fd, name);
    this.done.replaced += 1;
  }
}
