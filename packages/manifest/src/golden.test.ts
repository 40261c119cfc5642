import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyring, newRunSecret, parseKeyFile, type Cipher } from "@erlmcp/crypto";
import type { Entry, LedgerLine } from "@erlmcp/entry";
import { expect, it } from "vitest";
import {
  createEntryEncoder,
  createReceipt,
  decodeEntries,
  decodeLedger,
  encodeLine,
  formatChecksums,
  parseChecksums,
  parseManifest,
  parseManifestHead,
  parseReceipt,
  serializeManifest,
  serializeReceipt,
} from "./index.ts";
import { counted, draft, hash, keysOf, plainSample, sealedSampleWith } from "./samples.ts";

// What a change to one of these files means: a new format version. Restore points of format 1 stay readable for ever.
const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, "..", "fixtures", "format-1", name));

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

it("writes and reads the plain manifest of format 1", () => {
  expect(serializeManifest(plainSample, undefined).toString()).toBe(fixture("manifest-plain.json").toString());
  expect(parseManifest(fixture("manifest-plain.json"), undefined)).toEqual(plainSample);
});

it.for<Cipher>(["aes-256-gcm", "aes-256-cbc"])("writes and reads the manifest of format 1 with %s", async (cipher) => {
  const bytes = fixture(`manifest-${cipher}.json`);
  const keyring = createKeyring(parseKeyFile(fixture("key.hex"), "key.hex"));
  const secret = newRunSecret(counted);
  const slot = await keyring.wrap(secret, keyring.newDerivation(counted), counted);
  const sample = sealedSampleWith(cipher, slot);
  expect(serializeManifest(sample, keysOf(secret, cipher)).toString()).toBe(bytes.toString());

  const opened = await keyring.unwrap(parseManifestHead(bytes).key_slots, "the fixture");
  expect(parseManifest(bytes, keysOf(opened, cipher))).toEqual(sample);
});

it("writes and reads the receipt of version 1", () => {
  const receipt = createReceipt(draft);
  expect(serializeReceipt(receipt).toString()).toBe(fixture("receipt.json").toString());
  expect(parseReceipt(fixture("receipt.json"))).toEqual(receipt);
});

const inTree = { mode: 0o644, uid: 0, gid: 1000, mtime: "1770033600123456789" };
const content = { bytes: 3, depth: 0, chunks: [hash("a")] };
const entries: Entry[] = [
  { kind: "folder", path: "", ...inTree, mode: 0o755, xattrs: { "user.a": "AAE=" } },
  { kind: "file", path: "a file\n", ...inTree, ctime: "-1", inode: "12", size: 3, content },
  { kind: "hardlink", path: "b", ...inTree, target: "a file\n" },
  { kind: "chardev", path: "d", ...inTree, device: { major: 1, minor: 3 } },
  { kind: "file", path: "s", ...inTree, ctime: "1", inode: "13", size: 9, sparse: [[6, 3]], unstable: true, content },
  { kind: "table", path: "t", rows: 2, facts: { type: "set", keypos: 1 }, content },
  { kind: "dump", path: "u", facts: {}, content: { bytes: 0, depth: 0, chunks: [] } },
  { kind: "symlink", path: "é", ...inTree, mode: 0o777, target: { b64: "/w==" } },
  { kind: "fifo", path: { b64: "/w==" }, ...inTree },
];

it("writes and reads the entry stream of format 1", async () => {
  const encode = createEntryEncoder();
  expect(Buffer.concat(entries.map((entry) => encode(entry))).toString()).toBe(fixture("entries.jsonl").toString());
  expect(await collect(decodeEntries(pieces(fixture("entries.jsonl")), "entries"))).toEqual(entries);
});

const ledger: LedgerLine[] = [
  {
    component: "ets",
    source: "app@db1",
    name: "t",
    verdict: "captured",
    grade: "fuzzy",
    rows: 2,
    bytes: 3,
    notes: ["n"],
  },
  { component: "dets", source: "app@db1", name: "d", verdict: "unreadable", reason: "EACCES" },
];

it("writes and reads the ledger of format 1", async () => {
  expect(Buffer.concat(ledger.map((line) => encodeLine(line))).toString()).toBe(fixture("ledger.jsonl").toString());
  expect(await collect(decodeLedger(pieces(fixture("ledger.jsonl")), "ledger"))).toEqual(ledger);
});

const checksums = [
  { name: "chunks.idx", sha256: hash("b") },
  { name: "manifest.json", sha256: hash("c") },
  { name: "packs/000001.pack", sha256: hash("a") },
];

it("writes and reads checksums.sha256", () => {
  expect(formatChecksums(checksums)).toBe(fixture("checksums.sha256").toString());
  expect(parseChecksums(fixture("checksums.sha256").toString())).toEqual(checksums);
});
