import { describe, expect, it } from "vitest";
import { loadIndex } from "./index-file.ts";
import { createChunkIndex } from "./chunk-index.ts";
import { collect, noise, pieces, rangesOf, testRepository } from "./test-support.ts";
import { rebuildIndex, verifyPacks } from "./verify-packs.ts";

const failingOpen = async () => Promise.reject(Object.assign(new Error("gone"), { code: "EIO" }));

const text = Buffer.from("a table of very few rows, each of them much like the last\n".repeat(40));

/** One pack with a compressed and a raw segment's worth of chunks, small enough to be damaged byte by byte. */
async function smallPack(cipher: "aes-256-gcm" | "aes-256-cbc" | undefined) {
  const repository = testRepository(cipher);
  const writer = await repository.writer("full");
  const content = await writer.stream(pieces(Buffer.concat([text, noise(300)])), "table");
  const result = await writer.finish();
  await writer.close();
  const pack = repository.objects.get("full/packs/000001.pack") ?? Buffer.alloc(0);
  const walk = {
    restorePoint: "full",
    packs: [1],
    key: repository.keys.get("full"),
    open: async (id: string, name: string) => repository.open(id, name),
  };
  const withPack = (bytes: Buffer) => ({ ...walk, open: async () => rangesOf(bytes) });
  return { repository, content, result, pack, walk, withPack };
}

describe.each([undefined, "aes-256-gcm", "aes-256-cbc"] as const)("packs with cipher %s", (cipher) => {
  it("are found whole, with all their chunks where the index says", async () => {
    const { repository, result, walk, pack } = await smallPack(cipher);
    const index = await repository.indexOf("full");
    const report = await verifyPacks(walk, { index, sha256: () => result.packs[0]?.sha256 });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ packs: 1, chunks: result.stats.newChunks, storedBytes: pack.length });
    expect(report.plainBytes).toBe(text.length + 300);
  });

  it("are found damaged and named, whichever byte was flipped", async () => {
    const { pack, withPack } = await smallPack(cipher);
    for (let at = 0; at < pack.length; at += 1) {
      const damaged = Buffer.from(pack);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at & 7));
      const { problems } = await verifyPacks(withPack(damaged));
      expect(problems.length, `byte ${at}`).toBeGreaterThan(0);
      expect(problems[0]).toMatchObject({ code: "CORRUPT" });
      expect(problems[0]?.message).toMatch(/^packs\/000001\.pack of full at offset \d+ is corrupt: /);
    }
  });

  it("are found damaged wherever they were cut off", async () => {
    const { pack, withPack } = await smallPack(cipher);
    for (let length = 0; length < pack.length; length += 1) {
      const { problems } = await verifyPacks(withPack(pack.subarray(0, length)));
      expect(problems.length, `${length} bytes`).toBe(1);
    }
  });

  it("give the index back", async () => {
    const { repository, walk } = await smallPack(cipher);
    const stored = await repository.indexOf("full");
    const rebuilt = await rebuildIndex(walk);
    expect(rebuilt.size).toBe(stored.size);
    for (let chunk = 0; chunk < stored.size; chunk += 1) {
      const words = Uint32Array.from(stored.row(chunk).subarray(0, 8));
      const found = rebuilt.place(rebuilt.find(words, 0));
      expect(found).toMatchObject({ segment: stored.place(chunk).segment, offset: stored.place(chunk).offset });
    }
  });

  it("can't be read with any byte of chunks.idx flipped", async () => {
    const { repository } = await smallPack(cipher);
    const bytes = repository.objects.get("full/chunks.idx") ?? Buffer.alloc(0);
    const sealer = repository.sealerOf("full");
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at & 7));
      const load = loadIndex(createChunkIndex(), { restorePoint: "full", file: rangesOf(damaged), sealer });
      const code = expect.stringMatching(at >= 8 && at < 12 ? /^FORMAT_UNKNOWN$/ : /^CORRUPT$/);
      await expect(load, `byte ${at}`).rejects.toMatchObject({ code });
    }
    const longer = rangesOf(Buffer.concat([bytes, Buffer.alloc(1)]));
    await expect(loadIndex(createChunkIndex(), { restorePoint: "full", file: longer, sealer })).rejects.toMatchObject({
      code: "CORRUPT",
    });
  });
});

it("names restore point, pack, offset and chunk when a content cannot be read", async () => {
  const { repository, content, pack } = await smallPack("aes-256-gcm");
  const damaged = Buffer.from(pack);
  damaged[20] = (damaged[20] ?? 0) ^ 1;
  repository.objects.set("full/packs/000001.pack", damaged);
  const reader = await repository.reader("full");
  await expect(collect(reader.read(content))).rejects.toMatchObject({
    code: "CORRUPT",
    message: "packs/000001.pack of full at offset 16 is corrupt: its segment does not authenticate",
  });
  await expect(reader.chunk("ab".repeat(32))).rejects.toMatchObject({
    code: "CORRUPT",
    message: `chunk ${"ab".repeat(32)} is in none of full`,
  });
});

it("says when the manifest knows the pack by another digest, and when the index names more than there is", async () => {
  const { repository, walk } = await smallPack(undefined);
  const index = await repository.indexOf("full");
  const segment = index.addSegment(0);
  index.add(new Uint32Array(8), 0, { segment, offset: 0, length: 1 });
  const other = await verifyPacks(walk, { sha256: () => "00".repeat(32) });
  expect(other.problems.map(({ message }) => message)).toEqual([
    "packs/000001.pack of full at offset 0 is corrupt: its SHA-256 is not that of the manifest",
  ]);
  const more = await verifyPacks(walk, { index });
  expect(more.problems.map(({ code }) => code)).toEqual(["CORRUPT"]);
});

it("does not take a store that fails for a damaged pack", async () => {
  const { walk } = await smallPack(undefined);
  await expect(verifyPacks({ ...walk, open: failingOpen })).rejects.toMatchObject({ code: "EIO" });
});
