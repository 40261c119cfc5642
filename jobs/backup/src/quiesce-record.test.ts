import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createQuiesceRecord } from "./quiesce-record.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quiesce-"));
});
afterAll(() => rm(root, { recursive: true }));

it("keeps the intent for another process until it is cleared", async () => {
  const intent = { containers: [{ id: "0123", name: "files", action: "pause" as const }] };
  expect(await createQuiesceRecord(root).read()).toBeUndefined();
  await createQuiesceRecord(root).put(intent);
  expect(await createQuiesceRecord(root).read()).toEqual(intent);
  expect(await readdir(join(root, "locks"))).toEqual(["quiesced.json"]);
  await createQuiesceRecord(root).clear();
  expect(await createQuiesceRecord(root).read()).toBeUndefined();
});
