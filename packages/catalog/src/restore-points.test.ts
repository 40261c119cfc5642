import { createReceipt, serializeManifest, serializeReceipt, type ManifestHead } from "@erlmcp/manifest";
import { createMemoryStore, type ObjectStore } from "@erlmcp/store";
import { beforeEach, expect, it } from "vitest";
import {
  catalogLineOf,
  findRestorePoint,
  formatCatalog,
  formatCatalogLine,
  listRestorePoints,
  parseCatalog,
  rebuildCatalog,
  reconcileCatalog,
} from "./index.ts";
import { headOf } from "./sample-points.ts";

const full = "erlmcp_full_20260202_120000";
const first = "erlmcp_incremental_20260202_121500";
const second = "erlmcp_incremental_20260202_123000";
const known = { components: ["mnesia", "ets"] as const, grade: "fuzzy" as const };
const lines = [full, first, second].map((id) => catalogLineOf(headOf(id), known));
const text = formatCatalog(lines);

let store: ObjectStore;

async function put(head: ManifestHead): Promise<void> {
  const contents = { sources: [], ledger: { bytes: 0, depth: 0, chunks: [] }, ledger_lines: 0, grade: null };
  await store.put(`${head.id}/manifest.json`, serializeManifest({ head, contents }, undefined));
  await store.put(`${head.id}/receipt.json`, receiptOf(head.id));
}

function receiptOf(id: string): Buffer {
  const components = {
    mnesia: { sources: 1, captured: 1, rows: 1, bytes: 1, grade: "transactional" as const },
    ets: { sources: 1, captured: 1, rows: 1, bytes: 1, grade: "fuzzy" as const },
  };
  const time = "2026-02-02T12:01:00.000Z";
  return serializeReceipt(
    createReceipt({
      service: "backup",
      command: [],
      timestamp: time,
      started_at: time,
      finished_at: time,
      exit_code: 0,
      error: null,
      git_sha: null,
      image_digest: null,
      tool_version: "0.1.0",
      hostname: "db1",
      backup_type: null,
      base: null,
      stdout_sha256: "0".repeat(64),
      stderr_sha256: "0".repeat(64),
      backup_id: id,
      backup_path: id,
      checksum_hash: null,
      retention_days: null,
      cipher: null,
      complete: true,
      sizes: null,
      components,
      ledger: null,
      grades: null,
      grade: "fuzzy" as const,
      capture: null,
      remote: null,
      notes: [],
      details: {},
    }),
  );
}

beforeEach(async () => {
  store = createMemoryStore("here");
  for (const id of [full, first, second]) await put(headOf(id));
  await store.put("receipts/x.json", Buffer.from("{}"));
});

it("writes a line an operator can grep", () => {
  expect(formatCatalogLine(lines[1] ?? catalogLineOf(headOf(full), undefined))).toBe(
    '{"backup_id":"erlmcp_incremental_20260202_121500","base":"erlmcp_full_20260202_120000","bytes":1000,' +
      '"chunking":"{\\"file\\":{\\"average\\":1048576,\\"max\\":4194304,\\"min\\":262144},\\"table\\":{\\"average\\":8192,\\"max\\":65536,\\"min\\":2048}}",' +
      '"cipher":"none","complete":true,"components":["ets","mnesia"],"depends_on":["erlmcp_full_20260202_120000"],"format":1,"grade":"fuzzy",' +
      '"host":"db1","key_ids":[],"path":"erlmcp_incremental_20260202_121500","retention_days":30,"service":"backup","source_bytes":3000,"timestamp":"2026-02-02T12:00:00.000Z","type":"incremental"}',
  );
});

it("is the same when rebuilt from the manifests and receipts", async () => {
  expect(formatCatalog((await rebuildCatalog(store)).points)).toBe(text);
});

it("lists what is there without a catalog, with one, and with one that lacks a line", async () => {
  expect((await listRestorePoints(store)).points).toEqual(lines);
  await store.put("catalog/backups.jsonl", Buffer.from(text));
  expect((await listRestorePoints(store)).points).toEqual(lines);
  await store.put("catalog/backups.jsonl", Buffer.from(formatCatalog(lines.slice(1, 2))));
  expect((await listRestorePoints(store)).points).toEqual(lines);
});

it("repairs a catalog that is torn at any byte", async () => {
  expect((await reconcileCatalog(store, text)).text).toBeUndefined();
  const { length } = Buffer.from(text);
  for (let bytes = 0; bytes < length; bytes += 1) {
    const torn = Buffer.from(text).subarray(0, bytes).toString();
    expect((await reconcileCatalog(store, torn)).text, `${bytes} bytes`).toBe(text);
  }
});

it("says what it changed", async () => {
  const gone = formatCatalog([catalogLineOf(headOf("erlmcp_full_20260101_000000"), undefined)]);
  const { changes } = await reconcileCatalog(store, `${gone}{"torn\n${formatCatalog(lines.slice(1))}`);
  expect(changes).toEqual([
    "dropped 1 damaged lines",
    "dropped erlmcp_full_20260101_000000: it is not there",
    `added ${full}`,
  ]);
});

it.for([
  "",
  "null\n",
  "[]\n",
  `${JSON.stringify({ backup_id: full })}\n`,
  text.replace('"path":"', '"path":"/etc/'),
  text.replace(`"backup_id":"${full}"`, '"backup_id":"../../etc"'),
])("never trusts a line that says something else: %j", (damaged) => {
  expect(parseCatalog(damaged).lines.map((line) => line.backup_id)).not.toContain(full);
});

it("keeps what another version has put into a line", () => {
  const other = text.replaceAll('{"backup_id"', '{"aaa":1,"backup_id"');
  expect(formatCatalog(parseCatalog(other).lines)).toBe(other);
});

it("names folders that are called like restore points and are none", async () => {
  await store.delete([`${first}/manifest.json`]);
  await store.put(`${second}/manifest.json`, Buffer.from("{}"));
  await put(headOf("erlmcp_full_20260203_120000"));
  await store.put(
    "erlmcp_full_20260204_120000/manifest.json",
    serializeManifest(
      {
        head: headOf(full),
        contents: { sources: [], ledger: { bytes: 0, depth: 0, chunks: [] }, ledger_lines: 0, grade: null },
      },
      undefined,
    ),
  );
  const { points, unusable } = await listRestorePoints(store);
  expect(points.map((point) => point.backup_id)).toEqual([full, "erlmcp_full_20260203_120000"]);
  expect(unusable).toEqual([
    {
      backup_id: "erlmcp_full_20260204_120000",
      reason: `erlmcp_full_20260204_120000/manifest.json is that of ${full}`,
    },
    { backup_id: first, reason: `here has no ${first}/manifest.json` },
    { backup_id: second, reason: expect.stringContaining("is not valid") },
  ]);
});

it("does not list what has a line in the catalog and lost its manifest", async () => {
  await store.put("catalog/backups.jsonl", Buffer.from(text));
  await store.put(`${first}/packs/000001.pack`, Buffer.from("left"));
  await store.delete([`${first}/manifest.json`]);
  const { points, unusable } = await listRestorePoints(store);
  expect(points.map((point) => point.backup_id)).not.toContain(first);
  expect(unusable).toEqual([{ backup_id: first, reason: `here has no ${first}/manifest.json` }]);
});

it.for([
  { what: "no", bytes: undefined },
  { what: "a damaged", bytes: Buffer.from("{") },
  { what: "another's", bytes: receiptOf(first) },
])("does not mind $what receipt", async ({ bytes }) => {
  await store.delete([`${full}/receipt.json`]);
  if (bytes !== undefined) await store.put(`${full}/receipt.json`, bytes);
  const [point] = (await rebuildCatalog(store)).points;
  expect(point).toEqual({ ...lines[0], components: null, grade: null });
});

it("finds by ID and the latest", () => {
  const shuffled = [second, full, first].map((id) => catalogLineOf(headOf(id), undefined));
  expect(findRestorePoint(shuffled, "latest").backup_id).toBe(second);
  expect(findRestorePoint(shuffled, first).backup_id).toBe(first);
  expect(() => findRestorePoint(shuffled, "erlmcp_full_20200101_000000")).toThrow(
    "there is no restore point erlmcp_full_2020",
  );
  expect(() => findRestorePoint([], "latest")).toThrow("there is no restore point yet");
});

it("folds the catalog when most of its lines are superseded, and keeps when a restore point was verified", async () => {
  for (const id of [full, first, second]) await put(headOf(id));
  const verified = { at: "2026-02-03T08:00:00.000Z", mode: "full", findings: 0 } as const;
  const again = lines.map((line) => `${formatCatalogLine({ ...line, verified })}\n`).join("");
  const few = await reconcileCatalog(store, text + again);
  expect(few.text).toBeUndefined();
  expect(few.points.map((point) => point.verified)).toEqual([verified, verified, verified]);
  const many = await reconcileCatalog(store, text.repeat(400) + again);
  expect(many.changes).toEqual(["dropped 1200 superseded lines"]);
  expect(many.text).toBe(again);
});
