import { once } from "node:events";
import { Readable } from "node:stream";
import type { Entry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { pack, type Pack } from "tar-stream";
import { pathOf, treeEntry, type TreeEntry } from "./attributes.ts";
import { displayPath } from "./names.ts";
import { namesOf, selectorOf } from "./safe-path.ts";
import type { ReadContent } from "./write-file.ts";

export interface ArchiveTreeOptions {
  readonly entries: AsyncIterable<Entry>;
  readonly read: ReadContent;
  /** Only these files and folders with all that is in them; everything when undefined. */
  readonly paths?: readonly string[] | undefined;
  readonly onEntry?: (() => void) | undefined;
}

/**
 * A captured tree as a tar stream, to be unpacked at its root by the engine. Names are text there: others are refused.
 * The stream fails with BackupError CORRUPT for paths that would leave the root.
 */
export function archiveTree(options: ArchiveTreeOptions): Readable {
  const tar = pack();
  fill(tar, options).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.from(tar, { objectMode: false });
}

async function fill(tar: Pack, { entries, read, paths, onEntry }: ArchiveTreeOptions): Promise<void> {
  const isSelected = selectorOf(paths);
  for await (const entry of entries) {
    const tree = treeEntry(entry);
    const name = namesOf(tree.path).join("/");
    if (name === "" || !isSelected(name)) continue;
    await add(tar, tree, read);
    onEntry?.();
  }
}

async function add(tar: Pack, entry: TreeEntry, read: ReadContent): Promise<void> {
  const header = {
    name: textOf(entry, entry.path),
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: new Date(Number(BigInt(entry.mtime) / 1_000_000n)),
  };
  if (entry.kind === "folder") return put(tar, { ...header, type: "directory" });
  if (entry.kind === "fifo") return put(tar, { ...header, type: "fifo" });
  if (entry.kind === "symlink") return put(tar, { ...header, type: "symlink", linkname: textOf(entry, entry.target) });
  if (entry.kind === "hardlink") {
    return put(tar, { ...header, type: "link", linkname: `/${namesOf(entry.target).join("/")}` });
  }
  if (entry.kind !== "file") throw new BackupError("FAILED", `${header.name} is a device, which no container takes`);
  if (entry.sparse !== undefined) throw new BackupError("CORRUPT", `${header.name} has holes, as no configuration has`);
  const written = Promise.withResolvers<void>();
  const file = tar.entry({ ...header, type: "file", size: entry.size }, (error) => settle(written, error));
  for await (const piece of read(entry.content)) {
    if (!file.write(piece)) await Promise.race([once(file, "drain"), written.promise]);
  }
  file.end(undefined);
  await written.promise;
}

async function put(tar: Pack, header: Parameters<Pack["entry"]>[0]): Promise<void> {
  const written = Promise.withResolvers<void>();
  tar.entry(header, (error) => settle(written, error));
  await written.promise;
}

function settle({ resolve, reject }: PromiseWithResolvers<void>, error: Error | null | undefined): void {
  if (error) reject(error);
  else resolve();
}

function textOf(entry: TreeEntry, path: TreeEntry["path"]): string {
  if (typeof path === "string") return path;
  throw new BackupError("FAILED", `${displayPath(pathOf(entry))} is no UTF-8 and cannot be put into a container`, {
    hint: "Unpack it with --to, and copy it there by hand.",
  });
}
