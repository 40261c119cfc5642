import type { ContentRef, Entry } from "@erlmcp/entry";
import { expect, it } from "vitest";
import { compareTrees, sampleFiles, summarize } from "./tree-counts.ts";

const inTree = { mode: 0o644, uid: 0, gid: 0, mtime: "0" };
const content = (bytes: number): ContentRef => ({ bytes, depth: 0, chunks: [] });
const file = (path: string, size: number): Entry => ({
  kind: "file",
  path,
  ...inTree,
  ctime: "0",
  inode: path,
  size,
  content: content(size),
});

async function* stream(entries: readonly Entry[]): AsyncGenerator<Entry> {
  yield* entries;
}

it("counts names by kind, and a file with two names once", async () => {
  const entries: Entry[] = [
    { kind: "folder", path: "", ...inTree },
    { kind: "fifo", path: "a", ...inTree },
    { kind: "folder", path: "b", ...inTree },
    file("b/c", 10),
    { kind: "symlink", path: "b/d", ...inTree, target: "c" },
    { kind: "hardlink", path: "e", ...inTree, target: "b/c" },
    { kind: "hardlink", path: "f", ...inTree, target: "b/d" },
    { kind: "hardlink", path: "g", ...inTree, target: "a" },
  ];
  expect(await summarize(stream(entries))).toEqual({ files: 2, folders: 1, links: 2, others: 2, bytes: 10 });
});

it("counts folders that have no entry of their own, each once", async () => {
  const entries = [file("etc/app/a", 1), file("etc/app/b", 2), file("etc/c", 3), file("srv/d", 4)];
  expect(await summarize(stream(entries))).toMatchObject({ files: 4, folders: 3, bytes: 10 });
});

it("says what differs", () => {
  const wanted = { files: 2, folders: 1, links: 0, others: 0, bytes: 10 };
  expect(compareTrees(wanted, wanted)).toEqual([]);
  expect(compareTrees(wanted, { ...wanted, files: 1, bytes: 9 })).toEqual([
    "it has 1 files after unpacking, not 2",
    "it has 9 bytes after unpacking, not 10",
  ]);
});

it("takes the digest of a sparse file with zeros in its holes", async () => {
  const sparse: Entry = {
    kind: "file",
    path: "s",
    ...inTree,
    ctime: "0",
    inode: "1",
    size: 8,
    sparse: [
      [1, 2],
      [5, 1],
    ],
    content: content(3),
  };
  const source = {
    component: "volumes",
    name: "v",
    facts: {},
    entries: content(0),
    entry_count: 1,
    rows: 0,
    bytes: 3,
    grade: null,
  } as const;
  const point = {
    entries: () => stream([sparse]),
    async *read() {
      yield Buffer.from("a");
      yield Buffer.from("bc");
    },
  };
  const [sample] = await sampleFiles(point, source);
  // printf '\0ab\0\0c\0\0' | sha256sum
  expect(sample).toEqual({
    path: Buffer.from("s"),
    sha256: "2d15d81df3df78699a3316f0fe7cde40f25a63a4e4e815c36e439f40b5ec7484",
  });
});
