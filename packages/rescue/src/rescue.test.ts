import { lstat, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dump, file, folder, frame, link, noise, sampleRepository, source, table } from "@erlmcp/samples";
import { readObject } from "@erlmcp/store";
import { beforeAll, describe, expect, it } from "vitest";
import { rescue, withFolder, writeRepository } from "./testing.ts";

const full = "erlmcp_full_20260202_120000";
const incremental = "erlmcp_incremental_20260202_121500";
const passphrase = Buffer.from("correct horse battery staple\n");
const rawKey = Buffer.alloc(32, 7);
const isRoot = process.getuid?.() === 0;
const owner = isRoot ? { uid: 1234, gid: 5678 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const wholeStatus = isRoot ? 0 : 3; // owners take root

/** What is stored, written down here and in no other form: the record that the reader's files are compared with. */
function sourcesOf(version: number) {
  const rows = Array.from({ length: 3000 }, (_, row) => noise(60, `row ${row}`));
  return [
    source("ets", "app@db1", [
      table("odd%2Fname", [...rows, noise(9, `new ${version}`)], { name: "odd/name", keypos: 1 }),
    ]),
    source("postgres", "db", [
      dump("databases/shop", noise(40_000, `shop ${version}`), { format: "custom" }),
      dump("globals", Buffer.from("CREATE ROLE shop;\n"), { format: "plain" }),
    ]),
    source("volumes", "data", [
      folder("", { mode: 0o750, ...owner }),
      folder("a", { mode: 0o555, ...owner, mtime: "1600000000123456789" }),
      folder("a/b", { ...owner, mtime: "-86399000000000" }),
      file("a/b/large", noise(900_000, "large"), owner),
      file("a-b", Buffer.from(`version ${version}`), { ...owner, mode: 0o600, mtime: "1600000000123456789" }),
      file({ b64: Buffer.from([0x66, 0xff]).toString("base64") }, Buffer.from("no UTF-8"), owner),
      link("hardlink", "hard", "a-b"),
      file("holes", Buffer.from("XYZ"), {
        ...owner,
        size: 1_000_000,
        sparse: [
          [500_000, 2],
          [900_000, 1],
        ],
      }),
      link("symlink", "soft", "../../outside"),
      link("hardlink", "soft-too", "soft"),
    ]),
  ];
}

const variants = [
  { cipher: undefined, keyFile: rawKey, named: "plain" },
  { cipher: "aes-256-gcm", keyFile: rawKey, named: "gcm, raw key" },
  { cipher: "aes-256-cbc", keyFile: Buffer.from(`${rawKey.toString("hex")}\n`), named: "cbc, hex key" },
  { cipher: "aes-256-gcm", keyFile: passphrase, named: "gcm, passphrase" },
] as const;

describe.each(variants)("$named", ({ cipher, keyFile }) => {
  const repository = sampleRepository(cipher, { keyFile });

  beforeAll(async () => {
    await repository.make(full, { sources: sourcesOf(0) });
    await repository.make(incremental, { sources: sourcesOf(1), base: [full] });
  });

  it.for([
    { id: full, version: 0 },
    { id: incremental, version: 1 },
  ])("writes what $id has", async ({ id, version }) => {
    await withFolder(async (at) => {
      await writeRepository(repository.store, at, keyFile);
      const done = await rescue([id, "--to", "out", "--key", "key"], at);
      expect(done.stderr).toBe("");
      expect(done.status).toBe(wholeStatus);
      const out = (...names: string[]) => join(at, "out", ...names);
      const rows = await readFile(out("ets", "app@db1", "odd%252Fname.rows"));
      const expected = [
        ...Array.from({ length: 3000 }, (_, row) => noise(60, `row ${row}`)),
        noise(9, `new ${version}`),
      ];
      expect(rows.equals(Buffer.concat(expected.map(frame)))).toBe(true);
      expect(await readFile(out("ets", "app@db1", "tables.terms"), "utf8")).toBe(
        `[<<"odd%2Fname"/utf8>>,<<"odd%252Fname.rows"/utf8>>,3001,#{<<"keypos"/utf8>> => 1,<<"name"/utf8>> => <<"odd/name"/utf8>>}].\n`,
      );
      expect(
        (await readFile(out("postgres", "db", "databases", "shop.dump"))).equals(noise(40_000, `shop ${version}`)),
      ).toBe(true);
      expect(await readFile(out("postgres", "db", "globals.sql"), "utf8")).toBe("CREATE ROLE shop;\n");
      const tree = out("volumes", "data", "files");
      expect((await readdir(tree)).length).toBe(7);
      expect((await stat(tree)).mode & 0o7777).toBe(0o750);
      expect((await stat(join(tree, "a"))).mode & 0o7777).toBe(0o555);
      expect((await stat(join(tree, "a"))).mtimeMs).toBeCloseTo(1_600_000_000_123.456, 2);
      expect((await stat(join(tree, "a/b"))).mtimeMs).toBe(-86_399_000);
      expect((await readFile(join(tree, "a/b/large"))).equals(noise(900_000, "large"))).toBe(true);
      expect(await readFile(join(tree, "a-b"), "utf8")).toBe(`version ${version}`);
      expect(await stat(join(tree, "a-b"))).toMatchObject({ ...owner, mode: 0o100600, nlink: 2 });
      expect((await stat(join(tree, "a-b"))).mtimeMs).toBeCloseTo(1_600_000_000_123.456, 2);
      expect((await stat(join(tree, "hard"))).ino).toBe((await stat(join(tree, "a-b"))).ino);
      expect(await readFile(Buffer.from(`${tree}/f\u00ff`, "latin1"), "utf8")).toBe("no UTF-8");
      expect(await readlink(join(tree, "soft"))).toBe("../../outside");
      expect((await lstat(join(tree, "soft-too"))).ino).toBe((await lstat(join(tree, "soft"))).ino);
      const holes = await readFile(join(tree, "holes"));
      expect([holes.length, holes.indexOf("XY"), holes.indexOf("Z")]).toEqual([1_000_000, 500_000, 900_000]);
      expect((await stat(join(tree, "holes"))).blocks * 512).toBeLessThan(100_000);
    });
  });

  it("names what a damaged segment hits, and writes all else", async () => {
    await withFolder(async (at) => {
      await writeRepository(repository.store, at, keyFile);
      const pack = join(at, full, "packs/000001.pack");
      const bytes = await readFile(pack);
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1); // in the 900 kB of `large`
      await writeFile(pack, bytes);
      const done = await rescue([full, "--to", "out", "--key", "key"], at);
      expect(done.status).toBe(4);
      expect(done.stderr).toMatch(
        /^damaged: .*volumes\/data: a\/b\/large: .*000001\.pack, segment at \d+ is damaged\n$/,
      );
      expect(await readdir(join(at, "out/volumes/data/files/a/b"))).toEqual([]);
      expect(await readFile(join(at, "out/volumes/data/files/a-b"), "utf8")).toBe("version 0");
    });
  });

  it("says that a base is missing", async () => {
    await withFolder(async (at) => {
      await writeRepository(repository.store, at, keyFile);
      await rm(join(at, full), { recursive: true });
      const done = await rescue([incremental, "--to", "out", "--key", "key"], at);
      expect(done.status).toBe(5);
      expect(done.stderr).toContain(`${full} is no restore point, or not all of it`);
      expect(await readdir(at)).not.toContain("out");
    });
  });

  it.for(["manifest.json", "chunks.idx"])("refuses a bit flipped anywhere in %s", async (name) => {
    const whole = await readObject(repository.store, `${full}/${name}`, 1e9);
    await withFolder(async (at) => {
      await writeRepository(repository.store, at, keyFile);
      const step = Math.ceil(whole.length / 12);
      for (let place = 0; place < whole.length; place += step) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt8(bytes.readUInt8(place) ^ 4, place);
        await writeFile(join(at, full, name), bytes);
        const done = await rescue([full, "--to", "out", "--key", "key"], at);
        expect([4, 7, 2], `${place}: ${done.stdout}${done.stderr}`).toContain(done.status);
        expect(await readdir(at)).not.toContain("out");
      }
    });
  });
});

it("says that a pipe is not made, and neither its further name", async () => {
  const repository = sampleRepository(undefined);
  const pipe = { entry: { ...folder("pipe", owner).entry, kind: "fifo" as const } };
  const sources = [source("volumes", "data", [folder("", owner), pipe, link("hardlink", "pipe-too", "pipe")])];
  await repository.make(full, { sources });
  await withFolder(async (at) => {
    await writeRepository(repository.store, at, rawKey);
    const done = await rescue([full, "--to", "out"], at);
    expect(done).toMatchObject({ status: 3, stderr: "" });
    expect(done.stdout).toContain("fifos and devices are not made");
    expect(await readdir(join(at, "out/volumes/data/files"))).toEqual([]);
  });
});

describe.each(variants.filter(({ cipher }) => cipher !== undefined))("$named", ({ cipher, keyFile }) => {
  it("refuses another key with status 7, and writes nothing", async () => {
    const repository = sampleRepository(cipher, { keyFile });
    await repository.make(full, { sources: sourcesOf(0) });
    await withFolder(async (at) => {
      await writeRepository(repository.store, at, Buffer.alloc(32, 8));
      const wrong = await rescue([full, "--to", "out", "--key", "key"], at);
      expect(wrong).toMatchObject({ status: 7, stdout: "" });
      expect(wrong.stderr).toMatch(/the key is not the one it was made with/);
      expect(await rescue([full, "--to", "out"], at)).toMatchObject({ status: 7 });
      expect(await readdir(at)).not.toContain("out");
    });
  });
});
