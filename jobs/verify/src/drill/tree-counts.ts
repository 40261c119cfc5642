import { hash, createHash } from "node:crypto";
import { bytesOf, type Entry, type FileEntry } from "@erlmcp/entry";
import type { ManifestSource } from "@erlmcp/manifest";
import type { RestorePoint } from "@erlmcp/restore-point";

/** A tree of files in numbers. */
export interface TreeCounts {
  files: number; // names of regular files; a file counts with each of its names, as do links and others
  folders: number; // without the root
  links: number; // symbolic
  others: number; // fifos and devices
  bytes: number; // of regular files, each once, holes included
}

const kinds: Partial<Record<Entry["kind"], "files" | "links" | "others">> = {
  file: "files",
  symlink: "links",
  fifo: "others",
  chardev: "others",
  blockdev: "others",
};

/** What the entries say. Folders on the way to configuration files have no entries of their own, and are made all the same. */
export async function summarize(entries: AsyncIterable<Entry>): Promise<TreeCounts> {
  const counts = { files: 0, folders: 0, links: 0, others: 0, bytes: 0 };
  const open: string[] = []; // the folders that the last entry was in
  const odd = new Map<string, "links" | "others">(); // what is no regular file, for its further names
  for await (const entry of entries) {
    const path = textOf(entry.path);
    const names = path.split("/");
    const folders = entry.kind === "folder" ? names : names.slice(0, -1);
    if (path !== "") counts.folders += enter(open, folders);
    const kind = entry.kind === "hardlink" ? (odd.get(textOf(entry.target)) ?? "files") : kinds[entry.kind];
    if (kind === undefined) continue;
    counts[kind] += 1;
    if (kind !== "files" && entry.kind !== "hardlink") odd.set(path, kind);
    if (entry.kind === "file") counts.bytes += entry.size;
  }
  return counts;
}

function textOf(path: Entry["path"]): string {
  return bytesOf(path).toString("latin1");
}

/** How many of these folders are entered anew; the order of entries keeps a folder's contents together. */
function enter(open: string[], folders: readonly string[]): number {
  let same = 0;
  while (same < folders.length && open[same] === folders[same]) same += 1;
  open.splice(same, Infinity, ...folders.slice(same));
  return folders.length - same;
}

/** Pure. */
export function compareTrees(wanted: TreeCounts, found: TreeCounts): string[] {
  const names = ["files", "folders", "links", "others", "bytes"] as const;
  return names.flatMap((name) =>
    wanted[name] === found[name] ? [] : [`it has ${found[name]} ${name} after unpacking, not ${wanted[name]}`],
  );
}

export interface SampleFile {
  readonly path: Buffer;
  readonly sha256: string;
}

const sampleCount = 200;
const sampleFileBytes = 64 * 1024 * 1024;
const sampleBytes = 256 * 1024 * 1024;

/** Files from all over the tree, with the digest that their content has in the restore point. */
export async function sampleFiles(
  point: Pick<RestorePoint, "entries" | "read">,
  source: ManifestSource,
): Promise<SampleFile[]> {
  const every = Math.max(1, Math.floor(source.entry_count / sampleCount));
  const sample: SampleFile[] = [];
  let seen = 0;
  let left = sampleBytes;
  for await (const entry of point.entries(source)) {
    seen += 1;
    if (entry.kind !== "file" || seen % every !== 0 || entry.size > Math.min(sampleFileBytes, left)) continue;
    left -= entry.size;
    sample.push({ path: bytesOf(entry.path), sha256: await digestOf(point, entry) });
  }
  return sample;
}

async function digestOf(point: Pick<RestorePoint, "read">, entry: FileEntry): Promise<string> {
  if (entry.content.bytes === 0 && entry.size === 0) return hash("sha256", "");
  const digest = createHash("sha256");
  const data = dataOf(point, entry);
  for await (const piece of withHoles(data, entry)) digest.update(piece);
  return digest.digest("hex");
}

async function* dataOf({ read }: Pick<RestorePoint, "read">, { content }: FileEntry): AsyncGenerator<Buffer> {
  yield* read(content);
}

const zeros = Buffer.alloc(1024 * 1024);

/** The data of a sparse file where it lies, zeros between. */
async function* withHoles(data: AsyncGenerator<Buffer>, { sparse, size }: FileEntry): AsyncGenerator<Buffer> {
  if (sparse === undefined) {
    yield* data;
    return;
  }
  let at = 0;
  let rest: Buffer = Buffer.alloc(0);
  for (const [offset, length] of sparse) {
    yield* hole(offset - at);
    let wanted = length;
    while (wanted > 0) {
      if (rest.length === 0) rest = (await data.next()).value ?? Buffer.alloc(0);
      if (rest.length === 0) return; // shorter than it says: the digest tells
      yield rest.subarray(0, wanted);
      const taken = Math.min(wanted, rest.length);
      rest = rest.subarray(taken);
      wanted -= taken;
    }
    at = offset + length;
  }
  yield* hole(size - at);
}

function* hole(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
}
