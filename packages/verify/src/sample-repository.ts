import { createHash, randomBytes } from "node:crypto";
import { createKeyring, newRunSecret, parseKeyFile, type Cipher } from "@erlmcp/crypto";
import { weakestGrade, type Component, type Entry, type LedgerLine } from "@erlmcp/entry";
import {
  createEntryEncoder,
  createLedgerSummary,
  createReceipt,
  encodeLine,
  formatChecksums,
  receiptName,
  serializeManifest,
  serializeReceipt,
  sha256Hex,
  type Manifest,
  type ManifestSource,
} from "@erlmcp/manifest";
import { createPackWriter, type Chunking, type PackWriter, type RestorePointKey } from "@erlmcp/pack";
import { manifestKeys, openGeneration, type Generation, type RestorePointAccess } from "@erlmcp/restore-point";
import { createMemoryStore, rangeReaderOf, type ObjectStore } from "@erlmcp/store";

/** Small chunks, so that small contents have several of them, and lists of lists. */
const chunking: Chunking = {
  file: { min: 16_384, average: 65_536, max: 262_144 },
  table: { min: 64, average: 256, max: 1024 },
};

/** Bytes that look random and are the same each time for the same seed. */
export function noise(bytes: number, seed: string): Buffer {
  return createHash("shake256", { outputLength: bytes }).update(seed).digest();
}

/** A repository in memory with restore points made by the real writer. */
export interface SampleRepository {
  readonly store: ObjectStore;
  readonly access: RestorePointAccess;
  /** A restore point whose contents depend on `version`; an incremental of `base` where there is one. */
  add(id: string, version: number, base?: readonly string[]): Promise<void>;
}

export function sampleRepository(cipher: Cipher | undefined): SampleRepository {
  const store = createMemoryStore();
  const keyring = cipher && createKeyring(parseKeyFile(Buffer.alloc(32, 7), "the test's key"));
  const access: RestorePointAccess = { store, keyring, open: (id, name) => rangeReaderOf(store, `${id}/${name}`) };
  return {
    store,
    access,
    async add(id, version, base = []) {
      const generation = base.length === 0 ? undefined : await openGeneration(access, base);
      const secret = cipher && newRunSecret(randomBytes, generation?.key?.secret.generationKey);
      const key = secret && cipher && { secret, cipher };
      const slots = key && keyring ? [await keyring.wrap(key.secret, { kdf: "hkdf-sha256" }, randomBytes)] : [];
      await make({ store, id, version, generation, key, slots });
      await generation?.close();
    },
  };
}

interface Making {
  readonly store: ObjectStore;
  readonly id: string;
  readonly version: number;
  readonly generation: Generation | undefined;
  readonly key: RestorePointKey | undefined;
  readonly slots: Manifest["head"]["key_slots"];
}

async function make(making: Making): Promise<void> {
  const { store, id, generation, key } = making;
  const objects = new Map<string, Buffer[]>();
  const writer = createPackWriter({
    target: {
      async create(name) {
        const parts: Buffer[] = [];
        objects.set(name, parts);
        return {
          write: async (bytes) => {
            parts.push(Buffer.from(bytes));
          },
          close: async () => undefined,
        };
      },
    },
    secret: key?.secret,
    cipher: key?.cipher ?? "aes-256-gcm",
    level: 1,
    chunking,
    base: generation,
    threads: 0,
    signal: new AbortController().signal,
  });
  const sources = [await tables(writer, making.version), await tree(writer, making.version)];
  const lines = sources.flatMap(({ ledger }) => ledger);
  const ledger = await writer.stream(once(...lines.map((line) => encodeLine(line))), "table");
  const result = await writer.finish();
  await writer.close();
  for (const [name, parts] of objects) await store.put(`${id}/${name}`, Buffer.concat(parts));
  const contents = { sources: sources.map(({ source }) => source), ledger, ledger_lines: lines.length };
  await describe(making, { result, contents, lines });
}

interface Described {
  readonly result: Awaited<ReturnType<PackWriter["finish"]>>;
  readonly contents: Omit<Manifest["contents"], "grade">;
  readonly lines: readonly LedgerLine[];
}

async function describe({ store, id, generation, key, slots }: Making, { result, contents, lines }: Described) {
  const summary = createLedgerSummary();
  for (const line of lines) summary.add(line);
  const { grade, components, grades, ledger, complete } = summary.result();
  const head: Manifest["head"] = {
    format: 1,
    id,
    type: id.includes("incremental") ? "incremental" : "full",
    started_at: "2026-02-02T12:00:00.000Z",
    finished_at: "2026-02-02T12:01:00.000Z",
    host: "db1",
    service: "backup",
    tool: { version: "0.1.0", revision: null },
    base: generation?.base.head.id ?? null,
    depends_on: result.dependsOn,
    complete,
    retention_days: 30,
    sizes: {
      source_bytes: contents.sources.reduce((sum, { bytes }) => sum + bytes, 0),
      new_bytes: result.stats.newBytes,
      stored_bytes: result.packs.reduce((sum, { bytes }) => sum + bytes, result.index.bytes),
    },
    packs: result.packs.map(({ name, bytes, sha256 }) => ({ name: name.slice("packs/".length), bytes, sha256 })),
    index: { name: "chunks.idx", bytes: result.index.bytes, sha256: result.index.sha256 },
    cipher: key?.cipher ?? "none",
    key_slots: slots,
    chunking,
  };
  const manifest = serializeManifest({ head, contents: { ...contents, grade } }, key && manifestKeys(key));
  const checksums = Buffer.from(
    formatChecksums([
      ...result.packs.map(({ name, sha256 }) => ({ name, sha256 })),
      { name: "chunks.idx", sha256: result.index.sha256 },
      { name: "manifest.json", sha256: sha256Hex(manifest) },
    ]),
  );
  const receipt = createReceipt({
    service: "backup",
    command: ["full"],
    timestamp: "2026-02-02T12:01:00.000Z",
    started_at: head.started_at,
    finished_at: "2026-02-02T12:01:00.000Z",
    exit_code: 0,
    error: null,
    git_sha: null,
    image_digest: null,
    tool_version: "0.1.0",
    hostname: "db1",
    stdout_sha256: "e".repeat(64),
    stderr_sha256: "f".repeat(64),
    backup_id: id,
    backup_type: head.type,
    backup_path: id,
    checksum_hash: sha256Hex(checksums),
    base: head.base,
    retention_days: head.retention_days,
    cipher: head.cipher,
    complete,
    sizes: head.sizes,
    components,
    ledger,
    grades,
    grade,
    capture: null,
    remote: null,
    notes: [],
    details: {},
  });
  await store.put(`${id}/manifest.json`, manifest);
  await store.put(`${id}/checksums.sha256`, checksums);
  await store.put(`${id}/receipt.json`, serializeReceipt(receipt));
  await store.put(`receipts/${receiptName(receipt)}`, serializeReceipt(receipt));
}

interface Made {
  readonly source: ManifestSource;
  readonly ledger: LedgerLine[];
}

const rows = (count: number, seed: string) => Array.from({ length: count }, (_, row) => noise(80, `${seed} ${row}`));

/** Two tables; of the larger one some rows are those of the version. */
async function tables(writer: PackWriter, version: number): Promise<Made> {
  const entries: Entry[] = [];
  const ledger: LedgerLine[] = [];
  for (const [name, all] of [
    ["accounts", [...rows(4000, "accounts"), ...rows(40, `accounts ${version}`)]],
    ["sessions", rows(12, `sessions ${version}`)],
  ] as const) {
    const content = await writer.stream(once(...all), "table");
    entries.push({ kind: "table", path: name, rows: all.length, facts: { name }, content });
    ledger.push({
      component: "ets",
      source: "app@db1",
      name,
      verdict: "captured",
      grade: "point-in-time",
      rows: all.length,
      bytes: content.bytes,
    });
  }
  return { source: await stored(writer, { component: "ets", name: "app@db1", entries, ledger }), ledger };
}

/** A folder with a file of many chunks, one that changes, and a small one. */
async function tree(writer: PackWriter, version: number): Promise<Made> {
  const inTree = { mode: 0o644, uid: 0, gid: 0, mtime: "1770033600000000000" };
  const entries: Entry[] = [{ kind: "folder", path: "", ...inTree, mode: 0o755 }];
  const files: [string, Buffer][] = [
    ["large", noise(1_300_000, "large")],
    ["log", noise(9000, `log ${version}`)],
    ["readme", Buffer.from("read me")],
  ];
  for (const [path, bytes] of files) {
    const content = await writer.stream(once(bytes), "file");
    entries.push({ kind: "file", path, ...inTree, ctime: inTree.mtime, inode: path, size: bytes.length, content });
  }
  const bytes = files.reduce((sum, [, { length }]) => sum + length, 0);
  const ledger: LedgerLine[] = [
    { component: "volumes", source: "data", name: ".", verdict: "captured", grade: "fuzzy-verified", rows: 3, bytes },
  ];
  return { source: await stored(writer, { component: "volumes", name: "data", entries, ledger }), ledger };
}

async function stored(
  writer: PackWriter,
  { component, name, entries, ledger }: { component: Component; name: string; entries: Entry[]; ledger: LedgerLine[] },
): Promise<ManifestSource> {
  const encode = createEntryEncoder();
  const contents = entries.flatMap((entry) => ("content" in entry ? [entry.content.bytes] : []));
  return {
    component,
    name,
    facts: {},
    entries: await writer.stream(once(...entries.map((entry) => encode(entry))), "table"),
    entry_count: entries.length,
    rows: entries.reduce((sum, entry) => sum + (entry.kind === "table" ? entry.rows : 0), 0),
    bytes: contents.reduce((sum, one) => sum + one, 0),
    grade: weakestGrade(ledger.flatMap(({ grade }) => grade ?? [])) ?? null,
  };
}

async function* once(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield part;
}
