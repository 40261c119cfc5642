import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmdirSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Entry } from "@erlmcp/entry";
import { afterEach, beforeEach, expect, it } from "vitest";
import { captureTree } from "./capture-tree.ts";
import { MemorySink } from "./memory-sink.ts";

let root = "";
let sink: MemorySink;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "capture-"));
  sink = new MemorySink();
});
afterEach(() => execFileSync("rm", ["-rf", root])); // also where paths are too long for Node

const capture = (more: Partial<Parameters<typeof captureTree>[0]> = {}) =>
  captureTree({ root, source: "data", component: "volumes", sink, signal: new AbortController().signal, ...more });

const paths = (): Entry["path"][] => sink.entries.map(({ path }) => path);
const lineOf = (name: string) => sink.lines.find((line) => line.name === name);

async function* entriesOf({ entries }: MemorySink): AsyncGenerator<Entry> {
  yield* await Promise.resolve(entries);
}

/** Does something once, while the file of this name is read. */
function during(name: string, moment: "before" | "after", act: () => void): void {
  let done = false;
  sink.onFile = ({ path }, at) => {
    if (done || at !== moment || !path.toString().endsWith(`/${name}`)) return;
    done = true;
    act();
  };
}

it("marks a file that grows while it is read, and the whole tree as fuzzy", async () => {
  writeFileSync(join(root, "growing.log"), "one\n");
  writeFileSync(join(root, "still"), "two\n");
  during("growing.log", "after", () => appendFileSync(join(root, "growing.log"), "more\n"));
  await capture();
  expect(sink.entries.find(({ path }) => path === "growing.log")).toMatchObject({ size: 4, unstable: true });
  expect(sink.entries.find(({ path }) => path === "still")).not.toHaveProperty("unstable");
  expect(lineOf("growing.log")).toMatchObject({ verdict: "captured", grade: "fuzzy" });
  expect(lineOf(".")).toMatchObject({ verdict: "captured", grade: "fuzzy", rows: 2 });
});

it("has a line for a file that is deleted before it is read, and takes the rest", async () => {
  for (const name of ["a", "gone", "z"]) writeFileSync(join(root, name), name);
  during("gone", "before", () => unlinkSync(join(root, "gone")));
  const { facts } = await capture();
  expect(paths()).toEqual(["", "a", "z"]);
  expect(lineOf("gone")).toMatchObject({ verdict: "ephemeral", reason: "deleted while the tree was read" });
  expect(facts).toMatchObject({ files: 2, vanished: 1 });
});

it("has a line for a folder that is deleted before the walk comes to it", async () => {
  mkdirSync(join(root, "b"));
  writeFileSync(join(root, "a"), "a");
  rmdirSync(join(root, "b"));
  mkdirSync(join(root, "b"));
  const limits = { filesInFlight: 1, outcomesInFlight: 1 };
  writeFileSync(join(root, "aa"), "aa");
  during("a", "before", () => rmdirSync(join(root, "b")));
  await capture({ limits });
  expect(lineOf("b")).toMatchObject({ verdict: "ephemeral" });
  expect(paths()).toEqual(["", "a", "aa"]);
});

it("names a file that cannot be read, and takes the rest", async () => {
  for (const name of ["a", "locked", "z"]) writeFileSync(join(root, name), name);
  sink.onFile = ({ path }) => {
    if (path.toString().endsWith("/locked")) throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
  };
  const { facts } = await capture();
  expect(paths()).toEqual(["", "a", "z"]);
  expect(lineOf("locked")).toMatchObject({ verdict: "unreadable", reason: "EIO: i/o error, read" });
  expect(facts).toMatchObject({ files: 2, unreadable: 1 });
});

it("fails when it is we who can do no more, whatever file that was met with", async () => {
  writeFileSync(join(root, "a"), "a");
  sink.onFile = () => {
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  };
  await expect(capture()).rejects.toThrow("ENOSPC");
});

it("takes a file's place in the tree from its bytes, whatever they are", async () => {
  const odd = Buffer.from([0x66, 0xff, 0xfe]); // no UTF-8
  const long = "n".repeat(255);
  for (const name of ["a\nb", long, "a.conf"]) writeFileSync(join(root, name), name);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), odd]), "odd");
  mkdirSync(join(root, "a"));
  writeFileSync(join(root, "a", "inner"), "inner");
  await capture();
  // 'a' and what is in it come before 'a\n' and 'a.': a slash is below every other byte.
  expect(paths()).toEqual(["", "a", "a/inner", "a\nb", "a.conf", { b64: "Zv/+" }, long]);
});

it("goes deeper than the longest path that the system takes, with few folders open", async () => {
  const name = "d".repeat(100);
  const script =
    'cd "$1" && i=0 && while [ $i -lt 150 ]; do mkdir "$2" && cd -P "./$2" || exit 1; i=$((i + 1)); done && echo deep > file && cd "$1" && echo last > z';
  execFileSync("sh", ["-c", script, "sh", root, name]);
  await capture({ limits: { openFolders: 4 } });
  const deepest = `${Array(150).fill(name).join("/")}/file`; // 15,154 bytes; PATH_MAX is 4096
  expect(sink.entries).toHaveLength(1 + 150 + 2);
  expect(sink.entries.at(-2)).toMatchObject({ path: deepest, size: 5 });
  expect(paths().at(-1)).toBe("z");
  expect(sink.lines.filter(({ verdict }) => verdict !== "captured")).toEqual([]);
});

it("reads again, in an incremental, a file of the same size and time whose contents were written anew", async () => {
  const path = join(root, "same");
  writeFileSync(path, "one");
  writeFileSync(join(root, "still"), "still");
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  await capture();
  const first = sink;
  sink = new MemorySink();
  for (const [id, bytes] of first.contents) sink.contents.set(id, bytes);
  writeFileSync(path, "two");
  utimesSync(path, 1_700_000_000, 1_700_000_000); // only its ctime tells
  const startedAt = BigInt(Date.now() + 3_600_000) * 1_000_000n; // late enough for times to be believed
  const base = { startedAt, entries: entriesOf(first) };
  await capture({ base });
  expect(sink.filesRead.map((name) => name.toString().split("/").at(-1))).toEqual(["same"]);
  const entry = sink.entries.find(({ path: name }) => name === "same");
  expect(entry).not.toEqual(first.entries.find(({ path: name }) => name === "same"));
});
