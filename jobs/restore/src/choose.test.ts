import type { CatalogLine } from "@erlmcp/catalog";
import { createMemoryStore, type ObjectStore } from "@erlmcp/store";
import { expect, it } from "vitest";
import { chooseRestorePoint } from "./choose.ts";

function line(id: string, changes: Partial<CatalogLine>): CatalogLine {
  return {
    backup_id: id,
    path: id,
    type: "full",
    timestamp: "2026-02-02T12:00:00.000Z",
    retention_days: 30,
    format: 1,
    base: null,
    depends_on: [],
    complete: true,
    bytes: 1,
    source_bytes: 1,
    cipher: "none",
    key_ids: [],
    chunking: "",
    host: "db1",
    service: "backup",
    components: ["mnesia", "postgres"],
    grade: null,
    ...changes,
  };
}

const first = "erlmcp_full_20260202_120000";
const second = "erlmcp_incremental_20260202_121500";
const kept = "erlmcp_incremental_20260202_122000";

async function storeOf(lines: readonly CatalogLine[]): Promise<ObjectStore> {
  const store = createMemoryStore();
  await store.put("catalog/backups.jsonl", Buffer.from(lines.map((one) => `${JSON.stringify(one)}\n`).join("")));
  for (const { backup_id } of lines) await store.put(`${backup_id}/manifest.json`, Buffer.from("{}"));
  return store;
}

const points = [
  line(first, { timestamp: "2026-02-02T12:00:00.000Z" }),
  line(second, { timestamp: "2026-02-02T12:15:00.000Z" }),
  line(kept, { timestamp: "2026-02-02T12:20:00.000Z", service: "restore", components: ["mnesia"] }),
];

it("takes the newest that no restore has kept", async () => {
  const store = await storeOf(points);
  expect(await chooseRestorePoint(store, { point: "latest", at: undefined })).toEqual({
    id: second,
    warning: undefined,
  });
});

it("takes the newest at or before a time", async () => {
  const store = await storeOf(points);
  const at = (text: string) => chooseRestorePoint(store, { point: "latest", at: new Date(text) });
  expect(await at("2026-02-02T12:14:59Z")).toMatchObject({ id: first });
  expect(await at("2026-02-02T12:15:00Z")).toMatchObject({ id: second });
  expect(await at("2026-02-03T00:00:00Z")).toMatchObject({ id: second });
  await expect(at("2026-02-02T11:59:59Z")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

it("takes any that is named", async () => {
  const store = await storeOf(points);
  expect(await chooseRestorePoint(store, { point: kept, at: undefined })).toMatchObject({ id: kept });
  await expect(
    chooseRestorePoint(store, { point: "erlmcp_full_20250101_000000", at: undefined }),
  ).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});

it("says when others hold what the newest does not", async () => {
  const store = await storeOf([...points, line("erlmcp_full_20260202_130000", { components: ["mnesia"] })]);
  const { warning } = await chooseRestorePoint(store, { point: "latest", at: undefined });
  expect(warning).toBe(`erlmcp_full_20260202_130000 holds no postgres; ${second} does`);
});
