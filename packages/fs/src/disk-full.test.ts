import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { catalogLineOf, makeRestorePoint, newerId, olderId } from "./commit-scenario.ts";
import { openRepository, type LockHolder } from "./index.ts";

const holder: LockHolder = { job: "backup", command: "full", container: "c", pid: 1, started: "2026-02-02T12:00:00Z" };
const sizeBytes = 256 * 1024;

// A file system of its own needs the right to mount one, which a container may not give.
const root = await mkdtemp(join(tmpdir(), "erlmcp-full-"));
const options = `size=${sizeBytes},mode=0700`;
const mounted =
  spawnSync("mount", ["-t", "tmpfs", "-o", options, "erlmcp-test", root], { encoding: "utf8" }).status === 0;

beforeAll(() => mkdir(join(root, ".staging"), { recursive: true }));
afterAll(async () => {
  if (mounted) spawnSync("umount", ["--lazy", root]);
  else await rm(join(root, ".staging"), { recursive: true });
  await rmdir(root);
});

it.skipIf(!mounted)("says how much is free when the disk is full, and leaves the repository as it was", async () => {
  await makeRestorePoint(root, olderId);
  const repository = await openRepository({ root, flock: () => true });
  const staging = await repository.begin(newerId);
  const pack = await staging.create("packs/000001.pack");
  const fill = async (): Promise<void> => {
    for (let i = 0; i < sizeBytes; i += 4096) await pack.write(Buffer.alloc(4096, 1));
  };
  await expect(fill()).rejects.toThrow(
    expect.objectContaining({
      code: "DISK_FULL",
      message: expect.stringMatching(/^no space is left in .*: \d+ bytes are free$/),
    }),
  );
  await expect(repository.writeReceipt("failed.json", Buffer.alloc(8192))).rejects.toThrow("no space is left");
  await expect(repository.store.put("a/b", Buffer.alloc(8192))).rejects.toThrow("no space is left");
  const lock = repository.lock("exclusive", holder); // whoever makes room needs it
  await pack.close();
  await staging.abort();

  expect(await repository.readCatalog()).toBe(`${catalogLineOf(olderId)}\n`);
  expect(await readdir(join(root, "receipts"))).toEqual(["run.json"]);
  expect(await readdir(join(root, "a"))).toEqual([]);
  await repository.recover(lock, () => Promise.resolve(undefined));
  lock.release();
  await makeRestorePoint(root, newerId); // the room is there again
  expect(await readdir(join(root, newerId, "packs"))).toEqual(["000001.pack", "000002.pack"]);
});

it.skipIf(!mounted)("keeps a restore point whose catalog line found no room", async () => {
  const id = "erlmcp_full_20260204_120000";
  const repository = await openRepository({ root, flock: () => true });
  const staging = await repository.begin(id);
  expect(await staging.commit("x".repeat(sizeBytes))).toMatchObject({ code: "DISK_FULL" });
  expect(await readdir(root)).toContain(id);
  const wanted = `${catalogLineOf(id)}\n`;
  const lock = repository.lock("exclusive", holder);
  await repository.recover(lock, () => Promise.resolve(wanted));
  lock.release();
  expect(await repository.readCatalog()).toBe(wanted);
});
