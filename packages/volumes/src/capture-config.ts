import { createHash } from "node:crypto";
import { posix } from "node:path";
import { pipeline } from "node:stream/promises";
import type { CaptureSink, Entry, SourceResult } from "@erlmcp/entry";
import { compareByteStrings } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { extract, type Header } from "tar-stream";

export interface CaptureConfigOptions {
  /** A tar of one file or folder in the container, as the engine gives it. Rejects with NOT_FOUND when it isn't there. */
  archive: (path: string) => Promise<AsyncIterable<Uint8Array>>;
  /** Absolute paths in the container. */
  paths: readonly string[];
  source: string; // the container
  sink: CaptureSink;
  signal: AbortSignal;
}

/** Configuration is small; what holds more entries than this is a volume's business. */
const entryLimit = 100_000;

/**
 * Captures files and folders inside a container, through the engine's archive. The engine gives times to the second, and
 * no extended attributes but file capabilities, which its tar can't carry intact: both are said, in facts and ledger.
 * Everything is asked for twice: equal archives mean that nothing changed while it was read. Where a path that was asked for
 * is a symbolic link, what it leads to is captured with it; links inside a folder stay links.
 *
 * @throws BackupError SOURCE_FAILED when one of the paths is not there
 */
export async function captureConfig(options: CaptureConfigOptions): Promise<SourceResult> {
  const { sink, source, signal } = options;
  const entries: Entry[] = [];
  let still = true;
  const wanted = outermost(options.paths);
  for (const path of wanted) {
    signal.throwIfAborted();
    const from = entries.length;
    const first = await readArchive(options, path, entries);
    const second = createHash("sha256");
    for await (const chunk of await openArchive(options, path)) second.update(Buffer.from(chunk));
    still &&= first === second.digest("hex");
    const target = targetOf(path, entries[from]);
    if (
      target !== undefined &&
      !wanted.some((other) => lies(target, other)) &&
      (await isThere(options, path, target))
    ) {
      wanted.push(target);
    }
  }
  entries.sort((a, b) => compareByteStrings(a.path, b.path));
  for (const entry of entries) await sink.entry(entry);
  const files = entries.filter((entry) => entry.kind === "file");
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const grade = still ? "fuzzy-verified" : "fuzzy";
  sink.ledger({ component: "config", source, name: ".", verdict: "captured", grade, rows: files.length, bytes });
  return { facts: { paths: [...options.paths], time_resolution: "second" } };
}

/** The paths without those that lie in another one. */
function outermost(paths: readonly string[]): string[] {
  const normal = [...new Set(paths.map((path) => posix.resolve("/", path)))].toSorted();
  return normal.filter((path) => !normal.some((other) => path !== other && lies(path, other)));
}

function lies(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

/** Where a path that was asked for leads when it is a symbolic link: who names a link means what it leads to, too. */
function targetOf(path: string, entry: Entry | undefined): string | undefined {
  if (entry?.kind !== "symlink" || entry.path !== path.slice(1)) return undefined;
  return typeof entry.target === "string" ? posix.resolve(posix.dirname(path), entry.target) : undefined;
}

/** A link that leads nowhere is a line in the ledger: what was meant by it is not in the backup. */
async function isThere(options: CaptureConfigOptions, link: string, target: string): Promise<boolean> {
  try {
    for await (const _ of await options.archive(target)) break;
    return true;
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "NOT_FOUND") throw error;
    const reason = `it is a link to ${target}, which is not there`;
    options.sink.ledger({
      component: "config",
      source: options.source,
      name: link.slice(1),
      verdict: "unreadable",
      reason,
    });
    return false;
  }
}

async function openArchive(options: CaptureConfigOptions, path: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    return await options.archive(path);
  } catch (cause) {
    if (!(cause instanceof BackupError) || cause.code !== "NOT_FOUND") throw cause;
    throw new BackupError("SOURCE_FAILED", `container ${options.source} has no ${path}`, {
      hint: "Correct the label erlmcp.backup.config.",
      cause,
    });
  }
}

/** Adds the entries of one archive. @returns SHA-256 of the archive */
async function readArchive(options: CaptureConfigOptions, path: string, entries: Entry[]): Promise<string> {
  const hash = createHash("sha256");
  const tar = extract();
  const source = await openArchive(options, path);
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const fed = pipeline(hashed, tar);
  fed.catch(() => undefined); // the parser's reader is told
  for await (const file of tar) {
    options.signal.throwIfAborted();
    if (entries.length === entryLimit) {
      throw new BackupError("SOURCE_FAILED", `${path} in ${options.source} holds more than ${entryLimit} entries`, {
        hint: "Put it into a volume and label that.",
      });
    }
    const entry = await toEntry(options, { header: file.header, body: bytesOf(file), parent: posix.dirname(path) });
    if (entry !== undefined) entries.push(entry);
  }
  await fed;
  return hash.digest("hex");
}

async function* bytesOf(file: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of file) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("a tar gives bytes");
    yield chunk;
  }
}

interface Member {
  header: Header;
  body: AsyncIterable<Uint8Array>;
  parent: string; // of the path that was asked for: names in the archive begin below it
}

async function toEntry(options: CaptureConfigOptions, { header, body, parent }: Member): Promise<Entry | undefined> {
  const path = inContainer(parent, header.name);
  const common = {
    path,
    mode: (header.mode ?? 0) & 0o7777,
    uid: header.uid ?? 0,
    gid: header.gid ?? 0,
    mtime: String(BigInt((header.mtime ?? new Date(0)).getTime()) * 1_000_000n),
  };
  note(options, path, header);
  switch (header.type) {
    case "file":
    case "contiguous-file": {
      const content = await options.sink.stream(body, "file");
      return { ...common, kind: "file", ctime: common.mtime, inode: "0", size: content.bytes, content };
    }
    case "directory":
      return { ...common, kind: "folder" };
    case "symlink":
      return { ...common, kind: "symlink", target: header.linkname ?? "" };
    case "link":
      return { ...common, kind: "hardlink", target: inContainer(parent, header.linkname ?? "") };
    case "fifo":
      return { ...common, kind: "fifo" };
    case "character-device":
    case "block-device": {
      const kind = header.type === "character-device" ? "chardev" : "blockdev";
      return { ...common, kind, device: { major: header.devmajor ?? 0, minor: header.devminor ?? 0 } };
    }
    default: {
      const reason = `the engine's archive has it as ${String(header.type)}`;
      options.sink.ledger({ component: "config", source: options.source, name: path, verdict: "failed", reason });
      return undefined;
    }
  }
}

/** What the archive says and an entry can't hold. */
function note({ sink, source }: CaptureConfigOptions, path: string, header: Header): void {
  const lost = Object.keys(header.pax ?? {}).filter((key) => key.startsWith("SCHILY.xattr."));
  if (lost.length === 0) return;
  const reason = `its attributes ${lost.map((key) => key.slice("SCHILY.xattr.".length)).join(", ")} are not kept`;
  sink.ledger({ component: "config", source, name: path, verdict: "unreadable", reason });
}

/** `erlmcp/vm.args` below `/etc` becomes `etc/erlmcp/vm.args`. */
function inContainer(parent: string, name: string): string {
  return posix.join(parent, name).replace(/^\/+|\/+$/g, "");
}
