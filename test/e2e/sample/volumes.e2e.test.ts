import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { startStack, type Stack } from "./stack.ts";

const Line = z.looseObject({
  path: z.string(),
  type: z.string(),
  mode: z.string(),
  mtime_ns: z.string(),
  size: z.number().optional(),
});
type Line = z.infer<typeof Line>;

let stack: Stack;

beforeAll(async () => {
  const settings = { SAMPLE_FILES_SMALL: "40", SAMPLE_FILES_LARGE: "1", SAMPLE_FILES_LARGE_MB: "2" };
  stack = await startStack(`erlmcp-files-${process.pid}`, ["files"], settings);
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

const tree = async (volume: string): Promise<Map<string, Line>> => {
  const text = await stack.inside("files", "sample-files", "fingerprint", `/srv/${volume}`);
  const lines = text.split("\n").map((line) => Line.parse(JSON.parse(line)));
  return new Map(lines.map((line) => [line.path, line]));
};

it("holds one of everything that copies of files get wrong", async () => {
  const files = await tree("data");
  expect(files.get("names/new%0Aline")).toMatchObject({ type: "file", size: 14 });
  expect(files.get("names/invalid-%FF%FE%80")).toMatchObject({ type: "file" });
  expect(files.get(`names/${"x".repeat(255)}`)).toMatchObject({ type: "file" });
  expect(files.get("times/nanoseconds")).toMatchObject({ mtime_ns: "1770033600123456789" });
  expect(files.get("links/dangling")).toMatchObject({ type: "symlink", target: "no/such/file" });
  expect(files.get("links/target")).toMatchObject({ links: 3, same_as: "links/elsewhere/third-name" });
  expect(files.get("sparse/all-hole")).toMatchObject({ size: 64 * 1024 * 1024, allocated: 0 });
  expect(files.get("special/fifo")).toMatchObject({ type: "fifo", mode: "0640" });
  expect(files.get("owners-and-modes/mode-4755")).toMatchObject({ mode: "4755" });
  expect(files.get("attributes/capability")).toHaveProperty("xattrs");
  expect(files.get("attributes/user-xattrs")).toMatchObject({ xattrs: { "user.empty": "" } });
  expect([...files.keys()].filter((path) => path.endsWith("/bottom"))[0]?.split("/")).toHaveLength(122);
});

it("changes as many files as it is told to", async () => {
  const before = await tree("small");
  await stack.inside("files", "sample-files", "change", "--modify=3", "--rename=2", "--delete=4", "--add=1");
  const after = await tree("small");
  expect([...before.keys()].filter((path) => !after.has(path))).toHaveLength(6);
  expect([...after.keys()].filter((path) => !before.has(path))).toEqual([
    "folder-0000/file-000003.dat.renamed-1",
    "folder-0000/file-000004.dat.renamed-1",
    "folder-0000/file-000040.dat",
  ]);
});

it("stands still when it is told to", async () => {
  await stack.inside("files", "sample-files", "grow", "off");
  const before = await tree("data");
  const after = await tree("data");
  expect(after.get("growing/growing.log")).toEqual(before.get("growing/growing.log"));
});
