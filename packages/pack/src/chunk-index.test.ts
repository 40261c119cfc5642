import { expect, it } from "vitest";
import { createChunkIndex, wordsOf } from "./chunk-index.ts";
import { encodeIndex, loadIndex } from "./index-file.ts";
import { noise, rangesOf } from "./test-support.ts";
import { plainSealer } from "@erlmcp/crypto";

const place = { pack: 1, offset: 16, sealedBytes: 1000, plainBytes: 1_000_000, encoding: "zstd" as const };

function indexOf(count: number) {
  const ids = wordsOf(noise(count * 32, "ids"));
  const index = createChunkIndex();
  const later = index.addSegment(index.addRestorePoint("full"), { ...place, pack: 2 });
  const first = index.addSegment(0, place);
  for (let chunk = 0; chunk < count; chunk += 1) {
    index.add(ids, chunk * 8, { segment: chunk % 2 === 0 ? first : later, offset: chunk, length: chunk + 1 });
  }
  return { index, ids };
}

it.for([0, 1, 2, 16_383, 16_384, 16_385, 40_000])("keeps %i chunks through chunks.idx", async (count) => {
  const { index, ids } = indexOf(count);
  const bytes = Buffer.concat([...encodeIndex(index)]);
  const loaded = createChunkIndex();
  await loadIndex(loaded, { restorePoint: "other", file: rangesOf(bytes), sealer: plainSealer });
  expect(loaded.size).toBe(count);
  for (let chunk = 0; chunk < count; chunk += 1) {
    const found = loaded.place(loaded.find(ids, chunk * 8));
    expect(found.segment.pack).toBe(chunk % 2 === 0 ? 1 : 2);
    expect([found.restorePoint, found.offset, found.length]).toEqual(["other", chunk, chunk + 1]);
  }
  expect(loaded.find(wordsOf(noise(32, "absent")), 0)).toBe(-1);
});

it("keeps the first place of a chunk that two restore points hold", async () => {
  const { index, ids } = indexOf(10);
  const file = rangesOf(Buffer.concat([...encodeIndex(index)]));
  const loaded = createChunkIndex();
  await loadIndex(loaded, { restorePoint: "first", file, sealer: plainSealer });
  await loadIndex(loaded, { restorePoint: "second", file, sealer: plainSealer });
  expect(loaded.size).toBe(10);
  expect(loaded.place(loaded.find(ids, 0)).restorePoint).toBe("first");
  expect(loaded.restorePoints()).toEqual(["first", "second"]);
});

it("refuses to write a segment that has no place", () => {
  const index = createChunkIndex();
  index.addSegment(index.addRestorePoint("full"));
  expect(() => [...encodeIndex(index)]).toThrow(expect.objectContaining({ code: "FAILED" }));
});

it("takes no more than 80 bytes for a chunk", () => {
  const before = process.memoryUsage().arrayBuffers;
  const { index } = indexOf(500_000);
  const bytes = process.memoryUsage().arrayBuffers - before - 500_000 * 32; // the IDs themselves
  expect(index.size).toBe(500_000);
  expect(bytes / 500_000).toBeLessThan(80);
});
