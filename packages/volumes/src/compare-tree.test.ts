import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Entry, FileEntry } from "@erlmcp/entry";
import { setTimes } from "@erlmcp/posix";
import { pack } from "tar-stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { archiveTree } from "./archive-tree.ts";
import { captureConfig } from "./capture-config.ts";
import { captureTree } from "./capture-tree.ts";
import { compareConfig } from "./compare-config.ts";
import { compareTree } from "./compare-tree.ts";
import { MemorySink } from "./memory-sink.ts";

let root = "";
let sink = new MemorySink();
const signal = new AbortController().signal;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "compare-"));
  sink = new MemorySink();
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/app.conf"), "port 9090");
  writeFileSync(join(root, "größe"), "five!");
  linkSync(join(root, "größe"), join(root, "twin"));
  symlinkSync("etc/app.conf", join(root, "link"));
  await captureTree({ root, source: "v", component: "volumes", sink, signal });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

async function* each(entries: readonly Entry[]): AsyncGenerator<Entry> {
  for (const entry of entries) yield entry;
}

const compare = (paths?: readonly string[]) =>
  compareTree({ entries: each(sink.entries), target: root, paths, signal });

it("finds nothing where nothing is otherwise", async () => {
  expect(await compare()).toEqual({ equal: 6, differences: [] }); // the root, a folder, two files, a further name, a link
});

it.each<[string, () => void, { path: string; what: string; expected?: string; found?: string }]>([
  ["a file that is gone", () => unlinkSync(join(root, "link")), { path: "link", what: "kind", found: "nothing" }],
  [
    "a shorter file",
    () => truncateSync(join(root, "etc/app.conf"), 3),
    { path: "etc/app.conf", what: "size", expected: "9", found: "3" },
  ],
  [
    "another mode",
    () => chmodSync(join(root, "etc/app.conf"), 0o600),
    { path: "etc/app.conf", what: "mode", expected: "644", found: "600" },
  ],
  ["another time", () => setTimes(join(root, "größe"), { mtime: 7n }), { path: "größe", what: "time", found: "7" }],
  [
    "a further name of another file",
    () => {
      unlinkSync(join(root, "twin"));
      writeFileSync(join(root, "twin"), "five!");
    },
    { path: "twin", what: "file" },
  ],
  [
    "a name too many",
    () => writeFileSync(join(root, "etc/more"), ""),
    { path: ".", what: "names", expected: "5", found: "6" },
  ],
])("finds %s", async (_, change, wanted) => {
  change();
  expect((await compare()).differences).toContainEqual(expect.objectContaining(wanted));
});

it("compares only what was restored", async () => {
  unlinkSync(join(root, "größe"));
  expect(await compare(["etc"])).toEqual({ equal: 2, differences: [] });
  expect((await compare(["größe"])).differences).toHaveLength(1);
});

/** A container's folder as the engine's archive has it. */
async function archiveOf(content: string, mode = 0o640): Promise<AsyncIterable<Uint8Array>> {
  const tar = pack();
  const mtime = new Date("2026-02-02T12:00:00Z");
  tar.entry({ name: "app/", type: "directory", mode: 0o755, mtime });
  tar.entry({ name: "app/größe.conf", mode, uid: 7, gid: 8, mtime }, content);
  tar.finalize();
  return Readable.from(tar);
}

async function capturedConfig(): Promise<MemorySink> {
  const captured = new MemorySink();
  const paths = ["/etc/app"];
  await captureConfig({ archive: () => archiveOf("right"), paths, source: "c", sink: captured, signal });
  return captured;
}

it.each([
  { content: "right", mode: 0o640, what: [] },
  { content: "wrong", mode: 0o640, what: ["content"] },
  { content: "longer", mode: 0o600, what: ["mode", "size"] },
])("reads configuration back: $content", async ({ content, mode, what }) => {
  const captured = await capturedConfig();
  const comparison = await compareConfig({
    entries: each(captured.entries),
    read: (ref: FileEntry["content"]) => captured.read(ref),
    archive: () => archiveOf(content, mode),
    captured: ["/etc/app"],
    source: "c",
    signal,
  });
  expect(comparison.differences.map((one) => one.what)).toEqual(what);
  expect(comparison.equal).toBe(what.length === 0 ? 2 : 1);
});

it("puts one file with a name beyond ASCII into an archive", async () => {
  const captured = await capturedConfig();
  let entries = 0;
  const read = (ref: FileEntry["content"]) => captured.read(ref);
  const tar = archiveTree({
    entries: each(captured.entries),
    read,
    paths: ["etc/app/größe.conf"],
    onEntry: () => (entries += 1),
  });
  for await (const _ of tar);
  expect(entries).toBe(1);
});
