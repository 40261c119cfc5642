import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setXattr } from "@erlmcp/posix";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect, noise, pieces, testRepository } from "./test-support.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

describe.each([undefined, "aes-256-gcm", "aes-256-cbc"] as const)("stored with cipher %s", (cipher) => {
  it.for([0, 1, 4095, 64 * KiB, 64 * KiB + 1, 2 * MiB, 2 * MiB + 1, 9 * MiB + 17])(
    "gives back a stream of %i bytes",
    async (size) => {
      const repository = testRepository(cipher);
      const data = noise(size);
      const writer = await repository.writer("full");
      const table = await writer.stream(pieces(data), "table");
      const file = await writer.stream(pieces(data, 1_000_003), "file");
      const { packs } = await writer.finish();
      await writer.close();
      const reader = await repository.reader("full");
      expect(table.bytes).toBe(size);
      expect((await collect(reader.read(table))).equals(data)).toBe(true);
      expect((await collect(reader.read(file))).equals(data)).toBe(true);
      expect(packs.map(({ name }) => name)).toEqual(size === 0 ? [] : ["packs/000001.pack"]);
    },
  );
});

describe("an incremental", () => {
  it("stores only what its generation lacks, and depends only on what it refers to", async () => {
    const repository = testRepository("aes-256-gcm");
    const data = noise(3 * MiB);
    const full = await repository.writer("full");
    const first = await full.stream(pieces(data), "table");
    await full.finish();
    const changed = Buffer.concat([data.subarray(0, MiB), Buffer.from("something new"), data.subarray(MiB)]);
    const next = await repository.writer("next", ["full"]);
    const second = await next.stream(pieces(changed), "table");
    const result = await next.finish();
    expect(result.dependsOn).toEqual(["full"]);
    expect(result.stats.newBytes).toBeLessThan(100 * KiB);
    const third = await repository.writer("third", ["full", "next"]);
    expect(await third.reuse(second)).toBe(true);
    expect(await third.reuse(first)).toBe(true);
    expect(await third.reuse({ bytes: 1, depth: 0, chunks: ["00".repeat(32)] })).toBe(false);
    const own = await third.stream(pieces(noise(100, "other")), "table");
    expect((await third.finish()).dependsOn).toEqual(["full", "next"]);
    const reader = await repository.reader("third", "next", "full");
    expect((await collect(reader.read(second))).equals(changed)).toBe(true);
    expect((await collect(reader.read(own))).equals(noise(100, "other"))).toBe(true);
  });

  it("depends on nothing when it refers to nothing", async () => {
    const repository = testRepository(undefined);
    const full = await repository.writer("full");
    await full.stream(pieces(noise(MiB)), "table");
    await full.finish();
    const next = await repository.writer("next", ["full"]);
    await next.stream(pieces(noise(MiB, "other")), "table");
    expect((await next.finish()).dependsOn).toEqual([]);
  });
});

describe("a content of very many chunks", () => {
  it("names them in a tree, which is read back and reused", async () => {
    const repository = testRepository("aes-256-gcm");
    const chunking = { file: { min: 64, average: 256, max: 1024 }, table: { min: 64, average: 256, max: 1024 } };
    const data = noise(5 * MiB);
    const full = await repository.writer("full", [], { chunking });
    const content = await full.stream(pieces(data), "table");
    await full.finish();
    expect(content.depth).toBe(2);
    const next = await repository.writer("next", ["full"], { chunking });
    expect(await next.reuse(content)).toBe(true);
    expect(await next.reuse({ ...content, bytes: content.bytes + 1 })).toBe(false);
    const reader = await repository.reader("full");
    expect((await collect(reader.read(content))).equals(data)).toBe(true);
  });
});

describe("files", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pack-files-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.for([0, 2])("are read by %i worker threads: small, large and missing ones", async (threads) => {
    const repository = testRepository("aes-256-gcm");
    const sizes = [0, 1, 100, 14_000, 300 * KiB, 3 * MiB, 4 * MiB, 4 * MiB + 1, 8 * MiB, 21 * MiB + 5];
    const contents = sizes.map((size) => noise(size, `file ${size}`));
    const paths = contents.map((content, index) => {
      const path = join(folder, `${threads}-${index}`);
      writeFileSync(path, content);
      return Buffer.from(path);
    });
    symlinkSync("0-0", join(folder, `${threads}-link`));
    const writer = await repository.writer("full", [], { threads });
    const results = await Promise.all(paths.map(async (path) => writer.file({ path })));
    await expect(writer.file({ path: Buffer.from(join(folder, "missing")) })).rejects.toMatchObject({ code: "ENOENT" });
    await expect(writer.file({ path: Buffer.from(join(folder, `${threads}-link`)) })).rejects.toMatchObject({
      code: "ELOOP",
    });
    await expect(writer.file({ path: Buffer.from(folder) })).rejects.toMatchObject({ code: "EFTYPE" });
    await writer.finish();
    await writer.close();
    const reader = await repository.reader("full");
    for (const [index, result] of results.entries()) {
      expect(result.unstable).toBe(false);
      expect(result.size).toBe(sizes[index]);
      expect((await collect(reader.read(result.content))).equals(contents[index] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it.for([0, 2])(
    "give their attributes with their content, small, large and sparse ones (%i threads)",
    async (threads) => {
      const writer = await testRepository("aes-256-gcm").writer("full", [], { threads });
      for (const [name, bytes, size] of [
        ["small", 10, 10],
        ["large", 5 * MiB, 5 * MiB],
        ["sparse", 10, 9 * MiB],
      ] as const) {
        const path = join(folder, `${threads}-attributed-${name}`);
        writeFileSync(path, noise(bytes));
        truncateSync(path, size);
        expect((await writer.file({ path: Buffer.from(path) })).xattrs).toEqual({ values: undefined });
        setXattr(path, "user.note", Buffer.from([0xff, 0x00]));
        setXattr(path, "user.empty", Buffer.alloc(0));
        const { xattrs } = await writer.file({ path: Buffer.from(path) });
        expect(xattrs).toEqual({ values: { "user.note": "/wA=", "user.empty": "" } });
      }
      await writer.close();
    },
  );

  it("have no NUL in their path, which would pass for two", async () => {
    const writer = await testRepository(undefined).writer("full", [], { threads: 0 });
    await expect(writer.file({ path: Buffer.from(`${folder}/a\0b`) })).rejects.toThrow("a path with a NUL");
    await writer.close();
  });
});
