import { createHash, timingSafeEqual } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { canonicalJson, parseJson } from "./canonical.ts";
import { checked, withinStack } from "./checked.ts";
import { formatVersion, ManifestContents, ManifestHead, type Manifest } from "./schema.ts";

/** A million packs with names and hashes fit; anything longer is not ours. */
export const manifestLimitBytes = 256 * 1024 * 1024;

/** What the key of a run does to its manifest. `mac` returns 32 bytes; `open` throws CORRUPT when that is not what was sealed. */
export interface ManifestKeys {
  seal(plain: Uint8Array): Uint8Array;
  open(sealed: Uint8Array): Uint8Array;
  mac(document: Uint8Array): Uint8Array;
}

/** Contents are checked when they are opened: base64 of sealed bytes, or ManifestContents as they stand. */
const Stored = ManifestHead.extend({ contents: z.unknown(), mac: z.base64().length(44).optional() });
type Stored = z.infer<typeof Stored>;

/**
 * manifest.json, byte for byte: canonical JSON, two spaces a level, ending in a newline.
 * With keys `contents` is the sealed canonical JSON in base64, and `mac` authenticates the canonical JSON (without
 * white space) of everything else in the document.
 */
export function serializeManifest(manifest: Manifest, keys: ManifestKeys | undefined): Buffer {
  const what = `manifest of ${manifest.head.id}`;
  checkTogether(manifest.head, keys !== undefined);
  checkHead(manifest.head, what);
  const head = checked(ManifestHead, manifest.head, what);
  const contents = checked(ManifestContents, manifest.contents, what);
  if (keys === undefined) return fileOf({ ...head, contents });
  const sealed = Buffer.from(keys.seal(Buffer.from(canonicalJson(contents)))).toString("base64");
  const document = { ...head, contents: sealed };
  return fileOf({ ...document, mac: macOf(document, keys) });
}

function fileOf(document: Stored): Buffer {
  return Buffer.from(`${canonicalJson(document, 2)}\n`);
}

function macOf(document: Omit<Stored, "mac">, keys: ManifestKeys): string {
  return Buffer.from(keys.mac(Buffer.from(canonicalJson(document)))).toString("base64");
}

/**
 * Reads the public part, which is *not* authenticated by this: for listing, and to learn which key is needed.
 * @throws BackupError FORMAT_UNKNOWN for another format version or fields unknown to this one; CORRUPT for anything else
 */
export function parseManifestHead(bytes: Uint8Array, what = "manifest"): ManifestHead {
  const { contents: _contents, mac: _mac, ...head } = parseStored(bytes, what);
  return head;
}

/**
 * Reads a manifest whole. The keys are those that the slots of parseManifestHead open, undefined when its cipher is `none`.
 * @throws BackupError CORRUPT when the MAC is not that of the document or anything else is wrong; FORMAT_UNKNOWN as above
 */
export function parseManifest(bytes: Uint8Array, keys: ManifestKeys | undefined, what = "manifest"): Manifest {
  const { contents, mac, ...head } = parseStored(bytes, what);
  checkTogether(head, keys !== undefined);
  if (keys === undefined) {
    if (typeof contents === "string") throw new BackupError("CORRUPT", `${what} has sealed contents without a cipher`);
    if (mac !== undefined) throw new BackupError("CORRUPT", `${what} has a MAC without a cipher`);
    return { head, contents: checked(ManifestContents, contents, `contents of ${what}`) };
  }
  if (typeof contents !== "string" || mac === undefined) {
    throw new BackupError("CORRUPT", `${what} has a cipher, but its contents are not sealed`);
  }
  const expected = Buffer.from(macOf({ ...head, contents }, keys), "base64");
  const given = Buffer.from(mac, "base64");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new BackupError("CORRUPT", `${what} has been changed: its MAC does not fit`, {
      hint: "Take another restore point, or a replica of this one.",
    });
  }
  const opened = `contents of ${what}`;
  const plain = keys.open(Buffer.from(contents, "base64"));
  return { head, contents: checked(ManifestContents, parseJson(plain, opened, manifestLimitBytes), opened) };
}

function parseStored(bytes: Uint8Array, what: string): Stored {
  const value = parseJson(bytes, what, manifestLimitBytes);
  const version = z.looseObject({ format: z.int() }).safeParse(value);
  if (version.success && version.data.format !== formatVersion) {
    throw new BackupError("FORMAT_UNKNOWN", `${what} has format version ${version.data.format}, this version reads 1`, {
      hint: "It was written by a newer version; use that one to read it.",
    });
  }
  const { contents, mac, ...head } = checked(Stored, value, what);
  checkHead(head, what);
  const stored = { ...head, contents, ...(mac === undefined ? {} : { mac }) };
  // One document has one spelling: nothing can hide in duplicate members or between the lines.
  if (!withinStack(() => fileOf(stored), what).equals(bytes))
    throw new BackupError("CORRUPT", `${what} is not in canonical form`);
  return stored;
}

/** What the schema alone cannot say. */
function checkHead(head: ManifestHead, what: string): void {
  const wrong = (reason: string): BackupError => new BackupError("CORRUPT", `${what} is not valid: ${reason}`);
  if (!head.id.startsWith(`erlmcp_${head.type}_`)) throw wrong(`type ${head.type} is not that of ${head.id}`);
  if ((head.type === "incremental") !== (head.base !== null)) throw wrong("an incremental, and only that, has a base");
  if (head.depends_on.includes(head.id)) throw wrong("it depends on itself");
  if (head.type !== "incremental" && head.depends_on.length > 0) throw wrong(`a ${head.type} depends on others`);
  if ((head.cipher === "none") !== (head.key_slots.length === 0)) throw wrong("key slots and cipher do not fit");
  for (const [i, pack] of head.packs.entries()) {
    if (pack.name !== packNameOf(i + 1)) throw wrong(`pack ${i + 1} is called ${pack.name}`);
  }
}

function checkTogether(head: ManifestHead, hasKeys: boolean): void {
  if ((head.cipher === "none") === hasKeys) {
    throw new BackupError(
      "KEY_MISSING",
      `${head.id} has cipher ${head.cipher}, ${hasKeys ? "but" : "and no"} key was given`,
    );
  }
}

/** `000001.pack` for 1. */
export function packNameOf(number: number): string {
  return `${String(number).padStart(6, "0")}.pack`;
}

/** SHA-256 in lower-case hex. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
