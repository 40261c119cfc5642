import type { LedgerLine } from "@erlmcp/entry";
import {
  canonicalJson,
  createLedgerSummary,
  createReceipt,
  formatChecksums,
  receiptName,
  serializeReceipt,
  sha256Hex,
  type Manifest,
} from "@erlmcp/manifest";
import { manifestKeys } from "@erlmcp/restore-point";
import type { Deviation, Making } from "./make.ts";

/** What lies in the restore point already. */
export interface Stored {
  readonly objects: readonly { name: string; bytes: number; sha256: string }[];
  readonly dependsOn: string[];
  readonly newBytes: number;
  readonly contents: Omit<Manifest["contents"], "grade">;
  readonly lines: readonly LedgerLine[];
  readonly complete: boolean;
  readonly chunking: Manifest["head"]["chunking"];
  readonly deviation: Deviation;
}

type Summary = ReturnType<ReturnType<typeof createLedgerSummary>["result"]>;

/** Manifest, checksums and receipt, as the backup job writes them, but for the deviation. */
export async function writeDocuments(making: Making, stored: Stored): Promise<void> {
  const { store, id } = making;
  const summary = createLedgerSummary();
  for (const line of stored.lines) summary.add(line);
  const result = summary.result();
  const head = headOf(making, stored);
  const { deviation } = stored;
  const contents = { ...stored.contents, grade: result.grade };
  const manifest = manifestBytes(making, deviation.head?.(head) ?? head, deviation.contents?.(contents) ?? contents);
  const objects = stored.objects.map(({ name, sha256 }) => ({ name, sha256 }));
  const checksums = Buffer.from(formatChecksums([...objects, { name: "manifest.json", sha256: sha256Hex(manifest) }]));
  const receipt = receiptOf(head, result, sha256Hex(checksums));
  await store.put(`${id}/manifest.json`, manifest);
  await store.put(`${id}/checksums.sha256`, checksums);
  await store.put(`${id}/receipt.json`, serializeReceipt(receipt));
  await store.put(`receipts/${receiptName(receipt)}`, serializeReceipt(receipt));
}

/** As the format page has it, and unlike `serializeManifest` without looking at what it writes. */
function manifestBytes({ key }: Making, head: object, contents: object): Buffer {
  const keys = key && manifestKeys(key);
  if (keys === undefined) return Buffer.from(`${canonicalJson({ ...head, contents }, 2)}\n`);
  const sealed = Buffer.from(keys.seal(Buffer.from(canonicalJson(contents)))).toString("base64");
  const document = { ...head, contents: sealed };
  const mac = Buffer.from(keys.mac(Buffer.from(canonicalJson(document)))).toString("base64");
  return Buffer.from(`${canonicalJson({ ...document, mac }, 2)}\n`);
}

function headOf({ id, generation, key, slots }: Making, stored: Stored): Manifest["head"] {
  const { objects, contents } = stored;
  const packs = objects.filter(({ name }) => name.startsWith("packs/"));
  const index = objects.find(({ name }) => name === "chunks.idx");
  if (index === undefined) throw new Error("no chunks.idx was written");
  return {
    format: 1,
    id,
    type: id.includes("incremental") ? "incremental" : "full",
    started_at: "2026-02-02T12:00:00.000Z",
    finished_at: "2026-02-02T12:01:00.000Z",
    host: "db1",
    service: "backup",
    tool: { version: "0.1.0", revision: null },
    base: generation?.base.head.id ?? null,
    depends_on: stored.dependsOn,
    complete: stored.complete,
    retention_days: 30,
    sizes: {
      source_bytes: contents.sources.reduce((sum, { bytes }) => sum + bytes, 0),
      new_bytes: stored.newBytes,
      stored_bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    packs: packs.map((pack) => ({ ...pack, name: pack.name.slice("packs/".length) })),
    index: { ...index, name: "chunks.idx" },
    cipher: key?.cipher ?? "none",
    key_slots: slots,
    chunking: stored.chunking,
  };
}

function receiptOf(head: Manifest["head"], summary: Summary, checksumHash: string): ReturnType<typeof createReceipt> {
  const { id, type, base, cipher, complete, sizes, started_at, finished_at, retention_days } = head;
  return createReceipt({
    service: "backup",
    command: ["full"],
    timestamp: finished_at,
    started_at,
    finished_at,
    exit_code: complete ? 0 : 3,
    error: null,
    git_sha: null,
    image_digest: null,
    tool_version: "0.1.0",
    hostname: "db1",
    stdout_sha256: "e".repeat(64),
    stderr_sha256: "f".repeat(64),
    backup_id: id,
    backup_type: type,
    backup_path: id,
    checksum_hash: checksumHash,
    base,
    retention_days,
    cipher,
    complete,
    sizes,
    components: summary.components,
    ledger: summary.ledger,
    grades: summary.grades,
    grade: summary.grade,
    capture: null,
    remote: null,
    notes: [],
    details: {},
  });
}
