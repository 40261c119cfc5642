import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeObjectStore, type ObjectStore } from "@erlmcp/store";
import { afterAll, describe, expect, it } from "vitest";
import { createFsStore, modesFor, realIo } from "./index.ts";

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "erlmcp-fs-store-"));
  folders.push(folder);
  return folder;
}

const openAt = (root: string): ObjectStore => createFsStore({ root, modes: modesFor(undefined), io: realIo });

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

describeObjectStore("a folder", async () => openAt(await newFolder()), { describe, it });

it("leaves no temporary file behind, whether a put succeeds or not", async () => {
  const root = await newFolder();
  const store = openAt(root);
  await store.put("good", Buffer.from("x"));
  await store.put("good", Buffer.from("y"), { ifAbsent: true });
  await expect(store.put("bad", Buffer.from("x"), { sha256: "0".repeat(64) })).rejects.toThrow("bad has SHA-256");
  expect(await readdir(join(root, ".staging"))).toEqual([]);
});

it("keeps what it stores from everyone else", async () => {
  const root = await newFolder();
  await openAt(root).put("a/b", Buffer.from("secret"));
  expect((await stat(join(root, "a"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(root, "a", "b"))).mode & 0o777).toBe(0o600);
});

it("does not take staging for objects", async () => {
  const store = openAt(await newFolder());
  await store.put("a/b", Buffer.from("x"));
  await expect(store.put(".staging/x", Buffer.from("x"))).rejects.toThrow("cannot be a key");
  await expect(store.stat(".staging/x")).rejects.toThrow("cannot be a key");
});
