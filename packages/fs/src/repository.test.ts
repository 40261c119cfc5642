import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openRepository, type LockHolder, type Repository } from "./index.ts";

const id = "erlmcp_full_20260202_120000";
const holder: LockHolder = {
  job: "backup",
  command: "full",
  container: "c0ffee",
  pid: 1,
  started: "2026-02-02T12:00:00.000Z",
};
const nothingToReconcile = (): Promise<undefined> => Promise.resolve(undefined);

let root: string;
let repository: Repository;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "erlmcp-fs-"));
  repository = await openRepository({ root, flock: () => true });
});
afterEach(() => rm(root, { recursive: true }));

it("makes a restore point of what was staged", async () => {
  const staging = await repository.begin(id);
  const pack = await staging.create("packs/000001.pack");
  await pack.write(Buffer.from("one "));
  await pack.write(Buffer.from("two"));
  await pack.close();
  await writeFile(join(staging.spillFolder, "run-1"), "spilled");
  await staging.writeFile("manifest.json", Buffer.from("{}"));
  expect(await readdir(root)).not.toContain(id);
  await staging.commit('{"backup_id":"x"}');

  expect(await readdir(join(root, id))).toEqual(["manifest.json", "packs"]);
  expect(await readFile(join(root, id, "packs", "000001.pack"), "utf8")).toBe("one two");
  expect(await repository.readCatalog()).toBe('{"backup_id":"x"}\n');
  expect(await readdir(join(root, ".staging"))).toEqual([]);
});

it("leaves nothing after an abort", async () => {
  const before = await readdir(root, { recursive: true });
  const staging = await repository.begin(id);
  await staging.writeFile("manifest.json", Buffer.from("{}"));
  await staging.abort();
  expect(await readdir(root, { recursive: true })).toEqual(before);
  await expect(staging.commit("")).rejects.toThrow(`${id} is aborted already`);
});

it("never overwrites a restore point", async () => {
  await (await repository.begin(id)).commit("{}");
  await expect(repository.begin(id)).rejects.toThrow(`${id} exists already`);
});

it("removes what a killed run left, and begins the same ID anew", async () => {
  const lock = repository.lock("exclusive", holder);
  await (await repository.begin(id)).writeFile("manifest.json", Buffer.from("{"));
  await expect(repository.begin(id)).rejects.toThrow("a killed run left it");
  expect(await repository.recover(lock, nothingToReconcile)).toEqual({ removed: [id], catalogRewritten: false });
  await (await repository.begin(id)).commit("{}");
  expect(await readdir(join(root, id))).toEqual(["packs"]);
});

it("replaces the catalog when reconciling wants it", async () => {
  const lock = repository.lock("exclusive", holder);
  await writeFile(join(root, "catalog", "backups.jsonl"), '{"torn');
  const recovered = await repository.recover(lock, (text) =>
    Promise.resolve(text === '{"torn' ? "whole\n" : undefined),
  );
  expect(recovered).toEqual({ removed: [], catalogRewritten: true });
  expect(await repository.readCatalog()).toBe("whole\n");
});

it("does not join a new catalog line to a torn one", async () => {
  await writeFile(join(root, "catalog", "backups.jsonl"), '{"torn');
  await (await repository.begin(id)).commit('{"new":1}');
  expect(await repository.readCatalog()).toBe('{"torn\n{"new":1}\n');
});

it("removes a restore point at one stroke", async () => {
  const lock = repository.lock("exclusive", holder);
  await (await repository.begin(id)).commit("{}");
  await repository.remove(lock, id);
  expect(await readdir(root)).not.toContain(id);
  expect(await readdir(join(root, ".staging"))).toEqual([]);
  await expect(repository.remove(lock, id)).rejects.toThrow(`no restore point ${id}`);
});

it("keeps every receipt, also those of one name", async () => {
  expect(await repository.writeReceipt("r.json", Buffer.from("1"))).toBe("receipts/r.json");
  expect(await repository.writeReceipt("r.json", Buffer.from("2"))).toBe("receipts/r-2.json");
  expect(await readFile(join(root, "receipts", "r.json"), "utf8")).toBe("1");
  expect((await readdir(join(root, "receipts"))).toSorted()).toEqual(["r-2.json", "r.json"]);
});

it("reads ranges of a pack, and says when they are not all there", async () => {
  const staging = await repository.begin(id);
  const pack = await staging.create("packs/000001.pack");
  await pack.write(Buffer.from("0123456789"));
  await pack.close();
  await staging.commit("{}");
  const reader = await repository.openObject(id, "packs/000001.pack");
  expect((await reader.read(3, 4)).toString()).toBe("3456");
  await expect(reader.read(8, 3)).rejects.toThrow("000001.pack has 10 bytes, wanted 3 from 8 on");
  await reader.close();
  await expect(repository.openObject(id, "packs/000002.pack")).rejects.toThrow("000002.pack is missing");
});

it("refuses names that lead elsewhere", async () => {
  await expect(async () => repository.begin("../x")).rejects.toThrow("cannot be");
  await expect(async () => repository.begin(".staging")).rejects.toThrow("cannot be");
  await expect(async () => repository.openObject(id, "../manifest.json")).rejects.toThrow("cannot be");
});

it("says how much room is wanted and how much there is", async () => {
  await expect(repository.requireFreeBytes(Number.MAX_SAFE_INTEGER)).rejects.toThrow(
    expect.objectContaining({ code: "DISK_FULL" }),
  );
  await repository.requireFreeBytes(1);
});
