import { createHash } from "node:crypto";
import { createKeyring, parseKeyFile } from "@erlmcp/crypto";
import { bytesOf, type ByteString, type Entry, type FileEntry, type TableEntry } from "@erlmcp/entry";
import { createFsStore, modesFor, realIo } from "@erlmcp/fs";
import { openRestorePoint, type RestorePoint } from "@erlmcp/restore-point";
import { rangeReaderOf } from "@erlmcp/store";

/** Opens a restore point in a copy of a repository, as a restore will. */
export async function openCopy(repository: string, id: string, key: Buffer | undefined): Promise<RestorePoint> {
  const store = createFsStore({ root: repository, modes: modesFor(undefined), io: realIo });
  const keyring = key === undefined ? undefined : createKeyring(parseKeyFile(key, "the test's key"));
  return openRestorePoint({ store, keyring, open: (point, name) => rangeReaderOf(store, `${point}/${name}`) }, id);
}

/** All entries of a component, by source. */
export async function entriesOf(point: RestorePoint, component: string): Promise<Map<string, Entry[]>> {
  const found = new Map<string, Entry[]>();
  for (const source of point.manifest.contents.sources) {
    if (source.component !== component) continue;
    const entries: Entry[] = [];
    for await (const entry of point.entries(source)) entries.push(entry);
    found.set(source.name, entries);
  }
  return found;
}

export async function contentOf(point: RestorePoint, entry: { content: TableEntry["content"] }): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of point.read(entry.content)) parts.push(part);
  return Buffer.concat(parts);
}

/**
 * The digest that the sample application makes of a table: SHA-256 over its objects as external terms, sorted as bytes, each
 * preceded by its length. A captured table holds just these, in another order.
 */
export async function tableDigest(point: RestorePoint, entry: TableEntry): Promise<{ rows: number; digest: string }> {
  return digestOfRows(await contentOf(point, entry), entry.facts);
}

/** The same of a table's stored rows. */
export function digestOfRows(content: Buffer, facts: TableEntry["facts"]): { rows: number; digest: string } {
  const frames: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const end = at + 4 + content.readUInt32BE(at);
    frames.push(asRecord(content.subarray(at, end), facts));
    at = end;
  }
  frames.sort((a, b) => Buffer.compare(a.subarray(4), b.subarray(4)));
  const hash = createHash("sha256");
  for (const frame of frames) hash.update(frame);
  return { rows: frames.length, digest: hash.digest("hex") };
}

/**
 * Mnesia's backup stream puts a table's name where its records have their own: in the fragments of a table the two differ.
 * Here the record's name stands again, so that the bytes are those of the application's object.
 */
function asRecord(frame: Buffer, facts: TableEntry["facts"]): Buffer {
  const { name, record_name: record } = facts;
  if (typeof name !== "string" || typeof record !== "string" || name === record) return frame;
  const [written, wanted] = [name, record].map((text) =>
    Buffer.concat([Buffer.from([119, text.length]), Buffer.from(text)]),
  );
  const at = 4 + 3; // length, version, tuple tag and arity
  if (written === undefined || wanted === undefined || !frame.subarray(at, at + written.length).equals(written)) {
    throw new Error(`a row of ${name} does not begin with its name`);
  }
  const row = Buffer.concat([frame.subarray(0, at), wanted, frame.subarray(at + written.length)]);
  row.writeUInt32BE(row.length - 4);
  return row;
}

/** What `sample-files fingerprint` says of a path, as far as a copy has to be like it. */
export interface PathFacts {
  path: string;
  type: string;
  mode: string;
  uid: number;
  gid: number;
  mtime_ns: string;
  size?: number;
  sha256?: string;
  target?: string;
  device?: [number, number];
  same_as?: string;
  xattrs?: Record<string, string>;
}

const types: Record<string, string> = { chardev: "character device", blockdev: "block device" };

/** The entries of a tree in the words of the sample's own fingerprint. */
export async function describeTree(point: RestorePoint, entries: readonly Entry[]): Promise<PathFacts[]> {
  const described = new Map<string, PathFacts>();
  for (const entry of entries) {
    if (entry.kind === "table" || entry.kind === "dump") throw new Error(`a ${entry.kind} in a tree`);
    const path = entry.path === "" ? "." : quote(entry.path);
    if (entry.kind === "hardlink") {
      const first = described.get(quote(entry.target));
      if (first === undefined) throw new Error(`${path} is a further name of nothing`);
      first.same_as = first.path;
      described.set(path, { ...first, path, same_as: first.path });
      continue;
    }
    const facts: PathFacts = {
      path,
      type: types[entry.kind] ?? entry.kind,
      mode: entry.mode.toString(8).padStart(4, "0"),
      uid: entry.uid,
      gid: entry.gid,
      mtime_ns: entry.mtime,
    };
    if (entry.kind === "file") Object.assign(facts, { size: entry.size, sha256: await fileDigest(point, entry) });
    if (entry.kind === "symlink") facts.target = quote(entry.target);
    if ("device" in entry && entry.device !== undefined) facts.device = [entry.device.major, entry.device.minor];
    if (entry.xattrs !== undefined) {
      facts.xattrs = Object.fromEntries(Object.entries(entry.xattrs).map(([name, value]) => [quote(name), value]));
    }
    described.set(path, facts);
  }
  return [...described.values()];
}

/** SHA-256 of the file as a program reads it: holes are zeros. */
async function fileDigest(point: RestorePoint, entry: FileEntry): Promise<string> {
  const hash = createHash("sha256");
  if (entry.sparse === undefined) {
    for await (const part of point.read(entry.content)) hash.update(part);
    return hash.digest("hex");
  }
  const content = await contentOf(point, entry);
  let at = 0;
  let used = 0;
  for (const [offset, length] of entry.sparse) {
    zeros(hash, offset - at);
    hash.update(content.subarray(used, used + length));
    used += length;
    at = offset + length;
  }
  zeros(hash, entry.size - at);
  return hash.digest("hex");
}

const zeroBlock = Buffer.alloc(1024 * 1024);

function zeros(hash: ReturnType<typeof createHash>, count: number): void {
  for (let left = count; left > 0; left -= zeroBlock.length)
    hash.update(zeroBlock.subarray(0, Math.min(left, zeroBlock.length)));
}

/** Printable ASCII as it is, everything else, and `%`, percent-encoded. */
function quote(name: ByteString): string {
  let text = "";
  for (const byte of bytesOf(name)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x25;
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return text;
}
