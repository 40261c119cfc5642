import { buffer } from "node:stream/consumers";
import type { CaptureSink, Entry, LedgerLine } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { pack } from "tar-stream";
import { expect, it } from "vitest";
import { captureConfig } from "./capture-config.ts";

type Member = Parameters<ReturnType<typeof pack>["entry"]>[0] & { body?: string };

/** A tar as the engine makes it: names below the last name of the path that was asked for. */
async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const tar = pack();
  for (const { body, ...header } of members) tar.entry({ ...header, mtime: new Date(1_700_000_000_000) }, body ?? "");
  tar.finalize();
  return buffer(tar);
}

const tree = [
  { name: "erlmcp/", type: "directory", mode: 0o750, uid: 10, gid: 20 },
  { name: "erlmcp/a.conf", type: "file", mode: 0o640, uid: 10, gid: 20, body: "x = 1\n" },
  { name: "erlmcp/a", type: "directory" },
  { name: "erlmcp/a/b", type: "file", body: "" },
  { name: "erlmcp/link", type: "symlink", linkname: "/etc/other" },
  { name: "erlmcp/twin", type: "link", linkname: "erlmcp/a.conf" },
] as const;

async function capture(archives: Record<string, readonly Buffer[]>, paths: readonly string[]) {
  const entries: Entry[] = [];
  const lines: LedgerLine[] = [];
  const contents: string[] = [];
  const turns = new Map<string, number>();
  const sink: CaptureSink = {
    async stream(bytes) {
      const parts: Uint8Array[] = [];
      for await (const part of bytes) parts.push(part);
      const whole = Buffer.concat(parts);
      contents.push(whole.toString());
      return { bytes: whole.length, depth: 0, chunks: [] };
    },
    entry: async (entry) => void entries.push(entry),
    ledger: (line) => lines.push(line),
    reuse: async () => false,
  };
  const archive = async (path: string) => {
    const turn = turns.get(path) ?? 0;
    turns.set(path, turn + 1);
    const given = archives[path]?.[turn] ?? archives[path]?.[0];
    if (given === undefined) throw new BackupError("NOT_FOUND", `no ${path}`);
    return (async function* () {
      for (let at = 0; at < given.length; at += 700) yield given.subarray(at, at + 700);
    })();
  };
  await captureConfig({ archive, paths, source: "app", sink, signal: new AbortController().signal });
  return { entries, lines, contents };
}

it("keeps files, folders and links, in the order of the entry stream", async () => {
  const { entries, lines, contents } = await capture({ "/etc/erlmcp": [await tarOf(tree)] }, ["/etc/erlmcp"]);
  expect(entries.map(({ path, kind }) => [path, kind])).toEqual([
    ["etc/erlmcp", "folder"],
    ["etc/erlmcp/a", "folder"],
    ["etc/erlmcp/a/b", "file"],
    ["etc/erlmcp/a.conf", "file"],
    ["etc/erlmcp/link", "symlink"],
    ["etc/erlmcp/twin", "hardlink"],
  ]);
  expect(entries[3]).toMatchObject({ mode: 0o640, uid: 10, gid: 20, size: 6, mtime: "1700000000000000000" });
  expect(entries[4]).toMatchObject({ target: "/etc/other" });
  expect(entries[5]).toMatchObject({ target: "etc/erlmcp/a.conf" });
  expect(contents).toEqual(["x = 1\n", ""]);
  expect(lines).toEqual([
    { component: "config", source: "app", name: ".", verdict: "captured", grade: "fuzzy-verified", rows: 2, bytes: 6 },
  ]);
});

it("calls it fuzzy when the second look differs", async () => {
  const changed = tree.map((member) => (member.name === "erlmcp/a.conf" ? { ...member, body: "x = 2\n" } : member));
  const archives = { "/etc/erlmcp": [await tarOf(tree), await tarOf(changed)] };
  expect((await capture(archives, ["/etc/erlmcp"])).lines).toMatchObject([{ grade: "fuzzy" }]);
});

it("takes a path that lies in another one once", async () => {
  const archives = { "/etc/erlmcp": [await tarOf(tree)] };
  const { entries } = await capture(archives, ["/etc/erlmcp/a", "/etc/erlmcp", "/etc/erlmcp/"]);
  expect(entries).toHaveLength(6);
});

it("takes what a link leads to, when the link itself is asked for", async () => {
  const archives = {
    "/etc/app.conf": [await tarOf([{ name: "app.conf", type: "symlink", linkname: "app.d/current" }])],
    "/etc/app.d/current": [await tarOf([{ name: "current", type: "symlink", linkname: "/srv/app.conf" }])],
    "/srv/app.conf": [await tarOf([{ name: "app.conf", type: "file", body: "x = 1\n" }])],
  };
  const { entries, lines, contents } = await capture(archives, ["/etc/app.conf"]);
  expect(entries.map(({ path, kind }) => [path, kind])).toEqual([
    ["etc/app.conf", "symlink"],
    ["etc/app.d/current", "symlink"],
    ["srv/app.conf", "file"],
  ]);
  expect(contents).toEqual(["x = 1\n"]);
  expect(lines).toMatchObject([{ name: ".", verdict: "captured", rows: 1 }]);
});

it("ends with links that lead to each other, and names one that leads nowhere", async () => {
  const archives = {
    "/a": [await tarOf([{ name: "a", type: "symlink", linkname: "b" }])],
    "/b": [await tarOf([{ name: "b", type: "symlink", linkname: "/a" }])],
    "/c": [await tarOf([{ name: "c", type: "symlink", linkname: "/gone" }])],
  };
  const { entries, lines } = await capture(archives, ["/a", "/c"]);
  expect(entries.map(({ path }) => path)).toEqual(["a", "b", "c"]);
  expect(lines[0]).toMatchObject({
    name: "c",
    verdict: "unreadable",
    reason: "it is a link to /gone, which is not there",
  });
});

it("names a path that is not there", async () => {
  await expect(capture({}, ["/etc/missing"])).rejects.toMatchObject({
    code: "SOURCE_FAILED",
    message: "container app has no /etc/missing",
  });
});

it("fails on an archive that ends too early", async () => {
  const whole = await tarOf(tree);
  await expect(capture({ "/etc/erlmcp": [whole.subarray(0, 1600)] }, ["/etc/erlmcp"])).rejects.toThrow(
    "Unexpected end of data",
  );
});

it("says which attributes are not kept", async () => {
  const tar = await tarOf([
    { name: "bin", type: "file", body: "#!", pax: { "SCHILY.xattr.security.capability": "x" } },
  ]);
  const { lines } = await capture({ "/usr/bin": [tar] }, ["/usr/bin"]);
  expect(lines[0]).toMatchObject({ name: "usr/bin", verdict: "unreadable" });
  expect(lines[0]?.reason).toContain("security.capability");
});
