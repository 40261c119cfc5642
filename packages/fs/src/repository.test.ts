import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openRepository, realIo, type LockHolder, type Repository } from "./index.ts";

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

it("keeps receipts of runs that end at once, and clears away what a killed one left of its own", async () => {
  const receipts = join(root, "receipts");
  await writeFile(join(receipts, ".new-1"), "being written by another job");
  await writeFile(join(receipts, ".new-2"), "left over");
  await utimes(join(receipts, ".new-2"), 1, 1);
  const written = await Promise.all(
    ["1", "2", "3"].map((text) => repository.writeReceipt("r.json", Buffer.from(text))),
  );
  expect(written.toSorted()).toEqual(["receipts/r-2.json", "receipts/r-3.json", "receipts/r.json"]);
  const texts = await Promise.all(written.map((name) => readFile(join(root, name), "utf8")));
  expect(texts).toEqual(["1", "2", "3"]);
  await repository.recover(repository.lock("exclusive", holder), nothingToReconcile);
  expect((await readdir(receipts)).toSorted()).toEqual([".new-1", "r-2.json", "r-3.json", "r.json"]);
});

it("opens to the group only a folder that is set-group-ID", async () => {
  const shared = join(root, "shared");
  await mkdir(shared);
  await chmod(shared, 0o2775);
  await openRepository({ root: shared, flock: () => true });
  expect((await stat(join(shared, "receipts"))).mode & 0o777).toBe(0o750);
  expect((await stat(join(root, "receipts"))).mode & 0o777).toBe(0o700);
});

it.for(["EACCES", "EROFS"])("says that BACKUP_ROOT cannot be written (%s)", async (code) => {
  const io = { ...realIo, mkdir: () => Promise.reject(Object.assign(new Error(`${code}: mkdir`), { code })) };
  const opening = openRepository({ root: join(root, "new"), flock: () => true, io });
  await expect(opening).rejects.toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  await expect(opening).rejects.toThrow(`${join(root, "new")} cannot be written: ${code}: mkdir`);
});

it("says that the quota is used up", async () => {
  const io = { ...realIo, open: () => Promise.reject(Object.assign(new Error("write"), { code: "EDQUOT" })) };
  const limited = await openRepository({ root, flock: () => true, io });
  await expect(limited.writeReceipt("r.json", Buffer.from("x"))).rejects.toThrow("the quota is used up in");
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
