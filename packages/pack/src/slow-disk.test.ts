import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { createPackFiles } from "./pack-files.ts";
import { collect, noise, pieces, testRepository } from "./test-support.ts";

const MiB = 1024 * 1024;

it("keeps the order of packs when flushing one takes long", async () => {
  const repository = testRepository("aes-256-gcm");
  const target = repository.target("full");
  const slow = {
    async create(name: string) {
      const file = await target.create(name);
      return {
        write: (bytes: Uint8Array) => file.write(bytes),
        async close() {
          await delay(200); // a disk that takes its time: meanwhile the workers have sealed more
          await file.close();
        },
      };
    },
  };
  const writer = await repository.writer("full", [], { target: slow, threads: 2 });
  const data = noise(150 * MiB);
  const content = await writer.stream(pieces(data, MiB), "file");
  const { packs } = await writer.finish();
  await writer.close();
  expect(packs.length).toBeGreaterThan(3);
  for (const { name, bytes, sha256 } of packs) {
    const stored = repository.objects.get(`full/${name}`) ?? Buffer.alloc(0);
    expect(stored.length).toBe(bytes);
    expect(createHash("sha256").update(stored).digest("hex")).toBe(sha256);
  }
  const reader = await repository.reader("full");
  expect((await collect(reader.read(content))).equals(data)).toBe(true);
});

it("refuses a write that is not the next one of its pack", async () => {
  const files = createPackFiles(testRepository(undefined).target("full"));
  await files.append({ number: 1, offset: 0, bytes: new Uint8Array(10), complete: undefined });
  const late = files.append({ number: 1, offset: 30, bytes: new Uint8Array(10), complete: undefined });
  await expect(late).rejects.toThrow("packs/000001.pack was to be written out of order");
  await files.close();
});
