import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import { makeFifo } from "@erlmcp/posix";
import { afterAll, beforeAll, expect, it } from "vitest";
import { collect, noise, pieces, testRepository } from "./test-support.ts";

const MiB = 1024 * 1024;
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pack-failures-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

it.for([0, 2])("rejects just the stream whose source fails (%i threads)", async (threads) => {
  const repository = testRepository("aes-256-gcm");
  const writer = await repository.writer("full", [], { threads });
  async function* broken() {
    yield noise(3 * MiB);
    throw new Error("the source died");
  }
  const good = noise(5 * MiB, "good");
  for (let round = 0; round < 5; round += 1) {
    const [first, second] = await Promise.allSettled([
      writer.stream(broken(), "table"),
      writer.stream(pieces(good), "table"),
    ]);
    expect(first).toMatchObject({ status: "rejected", reason: { message: "the source died" } });
    expect(second.status).toBe("fulfilled");
  }
  const content = await writer.stream(pieces(good), "table");
  await writer.finish();
  await writer.close();
  expect((await collect((await repository.reader("full")).read(content))).equals(good)).toBe(true);
});

it.for([0, 2])("hands on what writing throws, as it is, to everyone (%i threads)", async (threads) => {
  const full = new BackupError("DISK_FULL", "no space left");
  const target = { create: async () => ({ write: async () => Promise.reject(full), close: async () => undefined }) };
  const writer = await testRepository(undefined).writer("full", [], { target, threads });
  const idle = new Promise<never>(() => undefined);
  async function* waiting() {
    yield noise(100);
    await idle;
  }
  const stuck = writer.stream(waiting(), "table");
  const both = Promise.allSettled([stuck]);
  await expect(writer.stream(pieces(noise(8 * MiB)), "table").then(async () => writer.finish())).rejects.toBe(full);
  expect(await both).toEqual([{ status: "rejected", reason: full }]);
  await expect(writer.finish()).rejects.toBe(full);
  await writer.close();
});

it.for([0, 2])("ends promptly when it is aborted, whatever the source does (%i threads)", async (threads) => {
  const controller = new AbortController();
  const writer = await testRepository(undefined).writer("full", [], { threads, signal: controller.signal });
  const idle = new Promise<never>(() => undefined);
  async function* waiting() {
    yield noise(100);
    controller.abort(new BackupError("TERMINATED", "stopped"));
    await idle;
  }
  await expect(writer.stream(waiting(), "table")).rejects.toMatchObject({ code: "TERMINATED" });
  await expect(writer.file({ path: Buffer.from("/dev/null") })).rejects.toMatchObject({ code: "TERMINATED" });
  await expect(writer.finish()).rejects.toMatchObject({ code: "TERMINATED" });
  await writer.close();
});

it.for([0, 2])("reads a file's data and skips its holes; a fifo does not hang it (%i threads)", async (threads) => {
  const repository = testRepository(undefined);
  const writer = await repository.writer("full", [], { threads });
  const sparse = join(folder, `sparse-${threads}`);
  const head = noise(64 * 1024);
  writeFileSync(sparse, head);
  truncateSync(sparse, 256 * MiB);
  const fifo = join(folder, `fifo-${threads}`);
  makeFifo(fifo, 0o600);
  await expect(writer.file({ path: Buffer.from(fifo) })).rejects.toMatchObject({ code: "EFTYPE" });
  const result = await writer.file({ path: Buffer.from(sparse) });
  await writer.finish();
  await writer.close();
  expect(result).toMatchObject({ size: 256 * MiB, unstable: false });
  const data = await collect((await repository.reader("full")).read(result.content));
  const restored = Buffer.alloc(256 * MiB);
  let from = 0;
  for (const [offset, length] of result.sparse ?? [[0, data.length]]) {
    data.copy(restored, offset, from, from + length);
    from += length;
  }
  expect(from).toBe(data.length);
  expect(restored.subarray(0, head.length).equals(head)).toBe(true);
  const zeros = Buffer.alloc(MiB);
  for (let at = MiB; at < restored.length; at += MiB) {
    if (!restored.subarray(at, at + MiB).equals(zeros)) throw new Error(`no zeros at ${at}`);
  }
  expect(restored.subarray(head.length, MiB).equals(zeros.subarray(head.length))).toBe(true);
});
