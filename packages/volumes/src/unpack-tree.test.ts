import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Entry, FileEntry } from "@erlmcp/entry";
import { listXattrs, makeFifo, setTimes, setXattr } from "@erlmcp/posix";
import { afterEach, beforeEach, expect, it } from "vitest";
import { captureTree } from "./capture-tree.ts";
import { MemorySink } from "./memory-sink.ts";
import { unpackTree } from "./unpack-tree.ts";

let base = "";
let root = "";
let target = "";
const signal = new AbortController().signal;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "unpack-"));
  root = join(base, "root");
  target = join(base, "target");
  mkdirSync(root);
  mkdirSync(target);
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const latin1 = Buffer.from("caf\u{e9}-\u{ff}", "latin1");

function makeOddTree(): void {
  const at = (name: string) => join(root, name);
  writeFileSync(at("plain"), "one\n");
  writeFileSync(at("empty"), "");
  writeFileSync(at("new\nline and \\ and \u{1f600}"), "odd");
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), latin1]), "not UTF-8");
  writeFileSync(at("n".repeat(255)), "long name");
  mkdirSync(at("a"));
  mkdirSync(at("a/b/c"), { recursive: true });
  mkdirSync(at("hollow"), { mode: 0o700 });
  writeFileSync(at("a.conf"), "sorts between a and a/b in plain byte order");
  writeFileSync(at("a/b/c/deep"), Buffer.alloc(300_000, "xyz"));
  linkSync(at("a/b/c/deep"), at("z-twin"));
  symlinkSync("plain", at("link"));
  symlinkSync("/nowhere/at/all", at("dangling"));
  makeFifo(at("fifo"), 0o640);
  const sparse = openSync(at("sparse"), "w");
  writeSync(sparse, "data", 8 * 1024 * 1024);
  ftruncateSync(sparse, 20 * 1024 * 1024);
  closeSync(sparse);
  execFileSync("chown", ["-h", "1234:567", at("plain"), at("link"), at("hollow")]);
  execFileSync("chmod", ["4751", at("plain")]);
  execFileSync("chmod", ["0000", at("empty")]);
  setXattr(at("a.conf"), "user.note", Buffer.from([0, 255, 10]));
  setXattr(at("a/b"), "user.folder", Buffer.from("yes"));
  setTimes(at("plain"), { mtime: 1_234_567_890_123_456_789n });
  lutimesSync(at("link"), 1_000_000_000, 1_000_000_000);
  setTimes(at("a"), { mtime: -5_000_000_001n }); // before 1970
}

/** What is in a folder, by the system's own calls alone. */
function record(folder: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const inodes = new Map<bigint, string>();
  const visit = (path: string, relative: string): void => {
    const bytes = Buffer.from(path, "latin1");
    const facts = lstatSync(bytes, { bigint: true });
    const first = facts.isDirectory() ? undefined : inodes.get(facts.ino);
    if (first === undefined) inodes.set(facts.ino, relative);
    found[relative] = {
      mode: facts.mode.toString(8),
      owner: `${facts.uid}:${facts.gid}`,
      mtime: facts.mtimeNs,
      firstName: first,
      target: facts.isSymbolicLink() ? readlinkSync(bytes) : undefined,
      content: facts.isFile() ? readFileSync(bytes).toString("base64").slice(0, 500_000) : undefined,
      size: facts.isFile() ? facts.size : undefined,
      hasHoles: facts.isFile() ? facts.blocks * 512n < facts.size - 4096n : undefined,
      xattrs: facts.isFile() || facts.isDirectory() ? listXattrs(bytes) : undefined,
    };
    if (!facts.isDirectory()) return;
    for (const name of readdirSync(bytes, { encoding: "buffer" }).toSorted((a, b) => Buffer.compare(a, b))) {
      visit(`${path}/${name.toString("latin1")}`, `${relative}/${name.toString("latin1")}`);
    }
  };
  visit(folder, "");
  return found;
}

async function captured(): Promise<MemorySink> {
  const sink = new MemorySink();
  await captureTree({ root, source: "v", component: "volumes", sink, signal });
  return sink;
}

async function* each(entries: readonly Entry[]): AsyncGenerator<Entry> {
  for (const entry of entries) yield entry;
}

type Options = Partial<Parameters<typeof unpackTree>[0]>;
function unpack(sink: MemorySink, options: Options = {}) {
  const read = (content: FileEntry["content"]) => sink.read(content);
  return unpackTree({ entries: each(sink.entries), read, target, mode: "fresh", signal, ...options });
}

it("makes an empty folder what the captured one was, with every attribute", async () => {
  makeOddTree();
  const before = record(root);
  const done = await unpack(await captured());
  expect(record(target)).toEqual(before);
  expect(Object.keys(before)).toHaveLength(17);
  expect(done).toMatchObject({ created: 16, replaced: 0, deleted: 0 });
});

it("in place rewrites only what differs, and takes away what was not there", async () => {
  makeOddTree();
  const sink = await captured();
  const before = record(root);
  const untouched = lstatSync(join(root, "a.conf"), { bigint: true }).ino;
  writeFileSync(join(root, "plain"), "two\n"); // as long as it was
  setTimes(join(root, "plain"), { mtime: 1_234_567_890_123_456_789n });
  unlinkSync(join(root, "link"));
  mkdirSync(join(root, "link"));
  writeFileSync(join(root, "link/in"), "a folder where a link was");
  rmSync(join(root, "hollow"), { recursive: true });
  writeFileSync(join(root, "hollow"), "a file where a folder was");
  unlinkSync(join(root, "z-twin"));
  writeFileSync(join(root, "z-twin"), "no twin any more");
  mkdirSync(join(root, "a/more"));
  writeFileSync(join(root, "a/more/x"), "since");
  execFileSync("chmod", ["0666", join(root, "a.conf")]);

  const done = await unpack(sink, { target: root, mode: "in-place" });
  expect(record(root)).toEqual(before);
  expect(lstatSync(join(root, "a.conf"), { bigint: true }).ino).toBe(untouched);
  expect(done.deleted).toBe(1);
  expect(done.bytes).toBeLessThan(400_000); // the linked file and the small ones; not the sparse one's hole
});

it("in place, a second time changes nothing", async () => {
  makeOddTree();
  const sink = await captured();
  await unpack(sink, { target: root, mode: "in-place" });
  const before = record(root);
  const again = await unpack(sink, { target: root, mode: "in-place" });
  expect(record(root)).toEqual(before);
  expect(again).toMatchObject({ created: 0, replaced: 0, deleted: 0, adjusted: 0, bytes: 0 });
});

it("in place takes apart what became one file with two names", async () => {
  writeFileSync(join(root, "one"), "same");
  writeFileSync(join(root, "two"), "same");
  const sink = await captured();
  unlinkSync(join(root, "two"));
  linkSync(join(root, "one"), join(root, "two"));
  await unpack(sink, { target: root, mode: "in-place" });
  expect(lstatSync(join(root, "one")).ino).not.toBe(lstatSync(join(root, "two")).ino);
  expect(readFileSync(join(root, "two"), "utf8")).toBe("same");
});

it("comes to the same after having been cut off anywhere", async () => {
  makeOddTree();
  const sink = await captured();
  const before = record(root);
  for (let cut = 1; cut < sink.entries.length; cut += 1) {
    writeFileSync(join(root, "plain"), `changed ${cut}`);
    rmSync(join(root, "a"), { recursive: true });
    let left = cut;
    const read = (content: FileEntry["content"]) => sink.read(content);
    const stopping = (async function* () {
      for (const entry of sink.entries) {
        if ((left -= 1) < 0) throw new Error("cut off");
        yield entry;
      }
    })();
    await expect(unpackTree({ entries: stopping, read, target: root, mode: "in-place", signal })).rejects.toThrow(
      "cut off",
    );
    await unpack(sink, { target: root, mode: "in-place" });
    expect(record(root)).toEqual(before);
  }
});

it("in place touches no inode, time or block of what is right already", async () => {
  makeOddTree();
  const sink = await captured();
  const facts = (name: string) => {
    const { ino, ctimeNs, blocks } = lstatSync(join(root, name), { bigint: true });
    return { ino, ctimeNs, blocks };
  };
  const names = ["plain", "sparse", "a/b/c/deep", "z-twin", "link", "fifo", "a/b", "hollow"];
  const before = names.map(facts);
  writeFileSync(join(root, "a.conf"), "changed");
  setTimes(join(root, "sparse"), { mtime: 5n }); // its content is read and found right; only its time is set
  const done = await unpack(sink, { target: root, mode: "in-place" });
  const after = names.map(facts);
  expect(after.map(({ ino, blocks }) => [ino, blocks])).toEqual(before.map(({ ino, blocks }) => [ino, blocks]));
  expect(after.filter((_, at) => names[at] !== "sparse")).toEqual(before.filter((_, at) => names[at] !== "sparse"));
  expect(done).toMatchObject({ replaced: 1, created: 0, deleted: 0, bytes: 43 });
  expect(done.unread).toBe(6); // every regular file but the two; a further name of one is no file of its own
});

it("does not believe times and sizes alone: another file's content is read", async () => {
  writeFileSync(join(root, "f"), "right");
  const sink = await captured();
  const { mtimeNs } = lstatSync(join(root, "f"), { bigint: true });
  writeFileSync(join(root, "f"), "wrong");
  setTimes(join(root, "f"), { mtime: mtimeNs });
  const done = await unpack(sink, { target: root, mode: "in-place" });
  expect(done).toMatchObject({ replaced: 1, unread: 0 });
  expect(readFileSync(join(root, "f"), "utf8")).toBe("right");
});

it("restores one file or folder and nothing beside it", async () => {
  makeOddTree();
  const sink = await captured();
  const before = record(root);
  writeFileSync(join(root, "plain"), "changed");
  const changed = record(root)["/plain"];
  writeFileSync(join(root, "a/b/c/deep"), "changed");
  writeFileSync(join(root, "a/b/extra"), "stays");
  await unpack(sink, { target: root, mode: "in-place", paths: ["a/b"] });
  const after = record(root);
  expect(after["/a/b"]).toEqual(before["/a/b"]);
  expect(after["/a/b/c/deep"]).toMatchObject({ content: Buffer.alloc(300_000, "xyz").toString("base64") });
  expect(readFileSync(join(root, "a/b/extra"), "utf8")).toBe("stays");
  expect(after["/plain"]).toEqual(changed);
});

it("makes folders on the way to one file what they were, and leaves those that are there", async () => {
  makeOddTree();
  execFileSync("chown", ["42:43", join(root, "a"), join(root, "a/b")]);
  execFileSync("chmod", ["0751", join(root, "a")]);
  const sink = await captured();
  const before = record(root);
  rmSync(join(root, "a"), { recursive: true });
  await unpack(sink, { target: root, mode: "in-place", paths: ["a/b/c/deep"] });
  const after = record(root);
  for (const path of ["/a", "/a/b", "/a/b/c", "/a/b/c/deep"]) {
    expect(after[path]).toEqual(before[path]);
  }
  execFileSync("chmod", ["0700", join(root, "a")]);
  await unpack(sink, { target: root, mode: "in-place", paths: ["a/b/c/deep"] });
  expect(record(root)["/a"]).toMatchObject({ mode: "40700" });
});

it("does not replace what stands in the way to one file", async () => {
  mkdirSync(join(root, "current"));
  writeFileSync(join(root, "current/app.conf"), "1");
  const sink = await captured();
  renameSync(join(root, "current"), join(root, "releases"));
  symlinkSync("releases", join(root, "current"));
  await expect(unpack(sink, { target: root, mode: "in-place", paths: ["current/app.conf"] })).rejects.toThrow(
    /^current is a symlink in .*, and was a folder/,
  );
  expect(readlinkSync(join(root, "current"))).toBe("releases");
});

it("makes selected paths what they were even if they were not, when it is to undo", async () => {
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/old"), "old");
  writeFileSync(join(root, "other"), "other");
  const before = record(root);
  const sink = await captured();
  mkdirSync(join(root, "new/deep"), { recursive: true });
  for (const name of ["etc/more", "new/deep/file", "other"]) writeFileSync(join(root, name), "restored");
  const undo = { target: root, mode: "in-place", others: "remove", paths: ["etc", "new/deep/file", "gone/x"] } as const;
  const done = await unpack(sink, undo);
  expect(done.deleted).toBe(2);
  const after = record(root);
  expect(Object.keys(after)).toEqual(Object.keys(before));
  expect(after["/etc/old"]).toEqual(before["/etc/old"]);
  expect(readFileSync(join(root, "other"), "utf8")).toBe("restored"); // not selected
});

it("takes away the temporary file of a run that was cut off, and no other one", async () => {
  mkdirSync(join(root, "a"));
  writeFileSync(join(root, "a/f"), "right");
  const sink = await captured();
  writeFileSync(join(root, "a/.erlmcp-restore-0123456789ab.tmp"), "half");
  writeFileSync(join(root, "a/.erlmcp-restore.tmp"), "mine");
  await unpack(sink, { target: root, mode: "in-place", paths: ["a/f"], tag: "0123456789ab" });
  expect(readdirSync(join(root, "a")).toSorted()).toEqual([".erlmcp-restore.tmp", "f"]);
});

it("does not write over anything in a fresh folder", async () => {
  makeOddTree();
  const sink = await captured();
  writeFileSync(join(target, "plain"), "mine");
  await expect(unpack(sink)).rejects.toThrow(/plain exists already/);
  expect(readFileSync(join(target, "plain"), "utf8")).toBe("mine");
});

const attributes = { mode: 0o755, uid: 0, gid: 0, mtime: "0" };
const nothing = { bytes: 0, depth: 0, chunks: [] };
const file = (path: string): Entry => ({
  kind: "file",
  path,
  ...attributes,
  ctime: "0",
  inode: "1",
  size: 0,
  content: nothing,
});
const folder = (path: string): Entry => ({ kind: "folder", path, ...attributes });
const link = (path: string, to: string): Entry => ({ kind: "symlink", path, ...attributes, target: to });
const twin = (path: string, to: string): Entry => ({ kind: "hardlink", path, ...attributes, target: to });

it.each<[string, (outside: string) => Entry[]]>([
  ["a way up", () => [folder(""), file("../outside/evil")]],
  ["a way up from below", () => [folder(""), folder("a"), file("a/../../outside/evil")]],
  ["an absolute path", (outside) => [folder(""), file(`${outside}/evil`)]],
  ["an empty name", () => [folder(""), file("a//evil")]],
  ["a NUL", () => [folder(""), file("evil\0")]],
  ["a file below a link", (outside) => [folder(""), link("a", outside), file("a/evil")]],
  ["a folder in a link's place", (outside) => [folder(""), link("a", outside), folder("a"), file("a/evil")]],
  [
    "a link in a folder's place",
    (outside) => [folder(""), folder("a"), file("a/b"), link("a", outside), file("a/evil")],
  ],
  ["the root as a link", (outside) => [link("", outside), file("evil")]],
  ["a further name from outside", () => [folder(""), twin("evil", "../outside/secret")]],
  ["a further name through a link", (outside) => [folder(""), link("a", outside), twin("evil", "a/secret")]],
  ["a file twice", () => [folder(""), file("evil"), file("evil")]],
  ["a folder twice", () => [folder(""), folder("a"), file("a/x"), folder("b"), file("a/y")]],
])("refuses %s, and touches nothing outside", async (_, entries) => {
  const outside = join(base, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "secret");
  const before = record(outside);
  for (const mode of ["fresh", "in-place"] as const) {
    const sink = new MemorySink();
    sink.entries.push(...entries(outside));
    await expect(unpack(sink, { mode })).rejects.toMatchObject({ code: "CORRUPT" });
    rmSync(target, { recursive: true });
    mkdirSync(target);
  }
  expect(record(outside)).toEqual(before);
});

it("does not go through a link that is there already", async () => {
  const outside = join(base, "outside");
  mkdirSync(outside);
  symlinkSync(outside, join(target, "a"));
  const sink = new MemorySink();
  sink.entries.push(folder(""), folder("a"), file("a/b"));
  await unpack(sink, { mode: "in-place" });
  expect(readdirSync(outside)).toEqual([]);
  expect(lstatSync(join(target, "a")).isDirectory()).toBe(true);
});

it("refuses sizes that lie, and leaves the old file", async () => {
  writeFileSync(join(root, "f"), "0123456789");
  const sink = await captured();
  const [top, entry] = sink.entries;
  if (top === undefined || entry?.kind !== "file") throw new Error("not as expected");
  writeFileSync(join(target, "f"), "the old one");
  const lies: Partial<FileEntry>[] = [
    { size: 5 },
    { size: 20 },
    { size: 20, sparse: [[0, 30]] },
    {
      size: 20,
      sparse: [
        [5, 5],
        [0, 5],
      ],
    },
    { content: { ...entry.content, bytes: 9 }, size: 9 },
    { content: { ...entry.content, bytes: 11 }, size: 11 },
  ];
  for (const lie of lies) {
    sink.entries.splice(0, 2, top, { ...entry, ...lie });
    await expect(unpack(sink, { mode: "in-place" })).rejects.toMatchObject({ code: "CORRUPT" });
    expect(readFileSync(join(target, "f"), "utf8")).toBe("the old one");
    expect(readdirSync(target)).toEqual(["f"]);
  }
});

it("stops at a signal with the old content of every file or the new one", async () => {
  makeOddTree();
  const sink = await captured();
  const abort = new AbortController();
  let seen = 0;
  const entries = (async function* () {
    for (const entry of sink.entries) {
      if ((seen += 1) === 5) abort.abort(new Error("stopped"));
      yield entry;
    }
  })();
  await expect(unpack(sink, { entries, signal: abort.signal })).rejects.toThrow("stopped");
  expect(existsSync(join(target, "plain"))).toBe(false);
});

it("keeps a captured file that has the name of our own temporary ones", async () => {
  writeFileSync(join(root, ".erlmcp-restore.tmp"), "mine");
  writeFileSync(join(root, "later"), "1");
  const sink = await captured();
  writeFileSync(join(root, "later"), "22");
  renameSync(join(root, ".erlmcp-restore.tmp"), join(root, "away"));
  await unpack(sink, { target: root, mode: "in-place" });
  expect(readdirSync(root).toSorted()).toEqual([".erlmcp-restore.tmp", "later"]);
  expect(readFileSync(join(root, ".erlmcp-restore.tmp"), "utf8")).toBe("mine");
});
