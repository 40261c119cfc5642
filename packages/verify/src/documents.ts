import { BackupError } from "@erlmcp/errors";
import {
  canonicalJson,
  formatChecksums,
  manifestLimitBytes,
  parseChecksums,
  parseManifest,
  parseManifestHead,
  parseReceipt,
  serializeReceipt,
  sha256Hex,
  type Checksum,
  type Manifest,
  type ManifestHead,
  type Receipt,
} from "@erlmcp/manifest";
import type { RestorePointKey } from "@erlmcp/pack";
import { manifestKeys, unlock, type RestorePointAccess } from "@erlmcp/restore-point";
import { readObject } from "@erlmcp/store";
import { attempt, problemOf } from "./attempt.ts";
import { finding, type Finding } from "./finding.ts";

const documentLimitBytes = 128 * 1024 * 1024;

/** The manifest as it could be opened: sealed contents are only there in a full verification. */
export interface OpenManifest {
  readonly head: ManifestHead;
  readonly contents: Manifest["contents"] | undefined;
  readonly key: RestorePointKey | undefined;
}

/** What the documents of a restore point say, as far as they can be believed. */
export interface Documents {
  readonly manifest: OpenManifest | undefined;
  readonly receipt: Receipt | undefined;
  /** The objects that there have to be, besides the documents; bytes are undefined where only checksums.sha256 knows of them. */
  readonly objects: readonly { name: string; bytes: number | undefined; sha256: string }[];
  readonly findings: readonly Finding[];
  readonly read: { readonly objects: number; readonly bytes: number };
}

export interface DocumentsRequest {
  readonly access: RestorePointAccess;
  readonly id: string;
  readonly open: boolean; // whether the manifest is to be authenticated and its contents opened
  /** Keys of the copies of its receipt. */
  readonly receiptCopies: readonly string[];
}

/**
 * Reads and compares manifest.json, checksums.sha256 and receipt.json. Each vouches for the others, so that of one that was
 * changed the other two tell.
 *
 * @throws BackupError KEY_MISSING, KEY_WRONG, FORMAT_UNKNOWN when the documents agree and can't be opened all the same
 */
export async function readDocuments(request: DocumentsRequest): Promise<Documents> {
  const { id } = request;
  const findings: Finding[] = [];
  const wrong = (object: string, what: string) => findings.push(finding(id, { object }, what));
  const read = { objects: 0, bytes: 0 };
  const load = async (name: string, limit = documentLimitBytes): Promise<Buffer | undefined> => {
    const loaded = await attempt(async () => readObject(request.access.store, `${id}/${name}`, limit));
    if ("problem" in loaded) {
      wrong(name, loaded.problem);
      return undefined;
    }
    read.objects += 1;
    read.bytes += loaded.value.length;
    return loaded.value;
  };

  const manifestBytes = await load("manifest.json", manifestLimitBytes);
  const checksumBytes = await load("checksums.sha256");
  const receiptBytes = await load("receipt.json");
  const receipt =
    receiptBytes &&
    parsed(
      () => receiptOf(receiptBytes, id),
      (what) => wrong("receipt.json", what),
    );
  const checksums =
    checksumBytes &&
    parsed(
      () => parseChecksums(checksumBytes.toString("utf8")),
      (what) => wrong("checksums.sha256", what),
    );
  const vouched = checksumBytes !== undefined && receipt?.checksum_hash === sha256Hex(checksumBytes);
  const listed = checksums?.find(({ name }) => name === "manifest.json")?.sha256;
  const asMade = manifestBytes !== undefined && vouched && listed === sha256Hex(manifestBytes);
  const manifest =
    manifestBytes &&
    (await openManifest(request, { bytes: manifestBytes, asMade, wrong: (what) => wrong("manifest.json", what) }));

  if (checksumBytes !== undefined && receipt !== undefined) {
    for (const { object, what } of compareChecksums({ manifest, manifestBytes, checksums, checksumBytes, vouched }))
      wrong(object, what);
  }
  const contradicted = vouched && !asMade; // then it is the manifest that says something else
  if (receipt !== undefined && manifest !== undefined && !contradicted) {
    for (const what of compareReceipt(receipt, manifest.head)) wrong("receipt.json", what);
  }
  if (receiptBytes !== undefined) {
    const what = await compareCopies(request, receiptBytes);
    if (what !== undefined) wrong("receipt.json", what);
  }
  return { manifest, receipt, objects: objectsOf(manifest?.head, checksums), findings, read };
}

function parsed<T>(parse: () => T, wrong: (what: string) => void): T | undefined {
  try {
    return parse();
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    wrong(problem);
    return undefined;
  }
}

function receiptOf(bytes: Buffer, id: string): Receipt {
  const receipt = parseReceipt(bytes, "receipt.json");
  if (receipt.backup_id !== id) throw new BackupError("CORRUPT", `it is that of ${receipt.backup_id ?? "another run"}`);
  if (!serializeReceipt(receipt).equals(bytes)) throw new BackupError("CORRUPT", "it is not in canonical form");
  return receipt;
}

interface ManifestBytes {
  readonly bytes: Buffer;
  readonly asMade: boolean; // checksums.sha256 and the receipt vouch for it
  readonly wrong: (what: string) => void;
}

async function openManifest(
  { access, id, open }: DocumentsRequest,
  { bytes, asMade, wrong }: ManifestBytes,
): Promise<OpenManifest | undefined> {
  try {
    const head = parseManifestHead(bytes, "manifest.json");
    if (head.id !== id) throw new BackupError("CORRUPT", `it is that of ${head.id}`);
    if (!open) return { head, contents: undefined, key: undefined };
    const key = await unlock(head, access.keyring);
    const { contents } = parseManifest(bytes, key && manifestKeys(key), "manifest.json");
    return { head, contents, key };
  } catch (error) {
    if (!(error instanceof BackupError) || !unopened.has(error.code)) throw error;
    // A changed key slot looks like another key, a changed name like a newer format.
    if (asMade && error.code !== "CORRUPT") throw error;
    if (error.code === "KEY_MISSING") throw error;
    wrong(error.message);
    return undefined;
  }
}

const unopened = new Set(["CORRUPT", "FORMAT_UNKNOWN", "KEY_MISSING", "KEY_WRONG"]);

interface Checksums {
  readonly manifest: OpenManifest | undefined;
  readonly manifestBytes: Buffer | undefined;
  readonly checksums: readonly Checksum[] | undefined;
  readonly checksumBytes: Buffer;
  readonly vouched: boolean; // by the receipt
}

/** Of manifest, checksums and receipt the one that the other two contradict. */
function compareChecksums(documents: Checksums): { object: string; what: string }[] {
  const { manifest, manifestBytes, checksums, checksumBytes, vouched } = documents;
  const contradiction = "its checksum_hash is not the SHA-256 of checksums.sha256";
  if (manifest === undefined || manifestBytes === undefined) {
    return vouched ? [] : [{ object: "checksums.sha256", what: "its SHA-256 is not the one in receipt.json" }];
  }
  const expected = expectedChecksums(manifest.head, manifestBytes);
  if (checksumBytes.equals(Buffer.from(formatChecksums(expected)))) {
    return vouched ? [] : [{ object: "receipt.json", what: contradiction }];
  }
  const names = differences(expected, checksums ?? []);
  if (vouched)
    return [{ object: "manifest.json", what: `it is not as it was made: checksums.sha256 disagrees about ${names}` }];
  return [{ object: "checksums.sha256", what: `it is not as it was made: manifest.json disagrees about ${names}` }];
}

function expectedChecksums(head: ManifestHead, manifestBytes: Buffer): Checksum[] {
  return [
    ...head.packs.map(({ name, sha256 }) => ({ name: `packs/${name}`, sha256 })),
    { name: head.index.name, sha256: head.index.sha256 },
    { name: "manifest.json", sha256: sha256Hex(manifestBytes) },
  ];
}

function differences(expected: readonly Checksum[], listed: readonly Checksum[]): string {
  const [left, right] = [expected, listed].map((all) => new Map((all ?? []).map(({ name, sha256 }) => [name, sha256])));
  const names = new Set([...expected, ...listed].map(({ name }) => name));
  const differing = [...names].filter((name) => left?.get(name) !== right?.get(name));
  if (differing.length === 0) return "how it is written";
  return differing.length > 5
    ? `${differing.slice(0, 5).join(", ")} and ${differing.length - 5} more`
    : differing.join(", ");
}

/** A receipt is not sealed: that it says what the manifest says is all that can be asked. */
function compareReceipt(receipt: Receipt, head: ManifestHead): string[] {
  const pairs: [keyof Receipt, unknown][] = [
    ["backup_type", head.type],
    ["base", head.base],
    ["retention_days", head.retention_days],
    ["cipher", head.cipher],
    ["complete", head.complete],
    ["sizes", head.sizes],
    ["started_at", head.started_at],
    ["hostname", head.host],
    ["tool_version", head.tool.version],
    ["git_sha", head.tool.revision],
  ];
  return pairs
    .filter(([name, value]) => canonicalJson(receipt[name]) !== canonicalJson(value))
    .map(([name]) => `its ${name} is not that of manifest.json`);
}

/** The same document lies in `receipts/`, as long as receipts are kept there. */
async function compareCopies({ access, receiptCopies }: DocumentsRequest, bytes: Buffer): Promise<string | undefined> {
  const different: string[] = [];
  for (const key of receiptCopies) {
    const copy = await attempt(async () => readObject(access.store, key, documentLimitBytes));
    if (
      "problem" in copy ||
      parsed(
        () => parseReceipt(copy.value),
        () => undefined,
      ) === undefined
    )
      continue;
    if (copy.value.equals(bytes)) return undefined;
    different.push(key);
  }
  return different.length === 0 ? undefined : `it differs from ${different.join(", ")}, which is the same document`;
}

function objectsOf(head: ManifestHead | undefined, checksums: readonly Checksum[] | undefined): Documents["objects"] {
  if (head !== undefined) {
    return [...head.packs.map((pack) => ({ ...pack, name: `packs/${pack.name}` })), head.index];
  }
  return (checksums ?? [])
    .filter(({ name }) => name !== "manifest.json")
    .map(({ name, sha256 }) => ({ name, sha256, bytes: undefined }));
}
