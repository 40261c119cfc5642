import { newRunSecret } from "@erlmcp/crypto";
import { expect, it } from "vitest";
import { parseManifest, parseManifestHead, serializeManifest } from "./index.ts";
import { counted, keysOf, plainSample, sealedSampleWith } from "./samples.ts";

const sample = plainSample;
const slot = {
  derivation: { kdf: "hkdf-sha256" as const },
  key_id: "0123456789abcdef",
  wrapped: Buffer.alloc(92).toString("base64"),
};
const sealedSample = sealedSampleWith("aes-256-gcm", slot);
const keys = keysOf(newRunSecret(counted), "aes-256-gcm");
const otherKeys = keysOf(
  newRunSecret((bytes) => Buffer.alloc(bytes, 7)),
  "aes-256-gcm",
);

/** The text of a manifest with one thing in it replaced. */
function edited(from: string | RegExp, to: string): Buffer {
  const text = serializeManifest(sample, undefined).toString();
  const result = text.replace(from, to);
  expect(result).not.toBe(text);
  return Buffer.from(result);
}

it("reads back what it wrote, plain", () => {
  const bytes = serializeManifest(sample, undefined);
  expect(parseManifest(bytes, undefined)).toEqual(sample);
  expect(parseManifestHead(bytes)).toEqual(sample.head);
});

it("reads back what it wrote, sealed, and shows the head only without the key", () => {
  const bytes = serializeManifest(sealedSample, keys);
  expect(parseManifest(bytes, keys)).toEqual(sealedSample);
  expect(parseManifestHead(bytes)).toEqual(sealedSample.head);
  expect(bytes.toString()).not.toContain("mnesia");
  expect(() => parseManifest(bytes, undefined)).toThrow("no key was given");
});

it("refuses the manifest of another key", () => {
  expect(() => parseManifest(serializeManifest(sealedSample, otherKeys), keys)).toThrow("its MAC does not fit");
});

it("refuses contents that are authentic and do not open", () => {
  const mixed = serializeManifest(sealedSample, { ...keys, seal: (plain) => otherKeys.seal(plain) });
  expect(() => parseManifest(mixed, keys)).toThrow("contents do not open");
});

it("finds every change to a sealed manifest, wherever it is", () => {
  const bytes = serializeManifest(sealedSample, keys);
  for (let i = 0; i < bytes.length; i += 1) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(i) ^ 1, i);
    expect(() => parseManifest(changed, keys), `byte ${i}`).toThrow(/manifest/);
  }
});

it("refuses a manifest that is cut off anywhere", () => {
  const bytes = serializeManifest(sample, undefined);
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => parseManifestHead(bytes.subarray(0, length))).toThrow(/manifest is not/);
  }
});

it.for([
  {
    name: "another format version",
    from: '"format": 1',
    to: '"format": 2',
    code: "FORMAT_UNKNOWN",
    says: "format version 2",
  },
  { name: "an unknown field", from: '"host"', to: '"hosting": 1,\n  "host"', code: "FORMAT_UNKNOWN", says: "hosting" },
  {
    name: "an unknown inner field",
    from: '"version"',
    to: '"v": 1,\n    "version"',
    code: "FORMAT_UNKNOWN",
    says: "tool.v",
  },
  { name: "an unknown cipher", from: '"none"', to: '"rot13"', code: "CORRUPT", says: "cipher" },
  { name: "a missing field", from: /  "host": "db1",\n/, to: "", code: "CORRUPT", says: "host" },
  { name: "a negative size", from: '"bytes": 900', to: '"bytes": -900', code: "CORRUPT", says: "packs.0.bytes" },
  { name: "a pack outside", from: "000001.pack", to: "../../x.pack", code: "CORRUPT", says: "packs.0.name" },
  { name: "a pack out of turn", from: "000001.pack", to: "000002.pack", code: "CORRUPT", says: "pack 1" },
  { name: "an ID of another type", from: '"type": "full"', to: '"type": "compliance"', code: "CORRUPT", says: "type" },
  {
    name: "a base of a full",
    from: '"base": null',
    to: '"base": "erlmcp_full_20260101_000000"',
    code: "CORRUPT",
    says: "base",
  },
  { name: "a duplicate member", from: '"host"', to: '"host": "x",\n  "host"', code: "CORRUPT", says: "canonical" },
  { name: "other white space", from: '"host": ', to: '"host":  ', code: "CORRUPT", says: "canonical" },
  {
    name: "a MAC without cipher",
    from: '"packs"',
    to: `"mac": "${Buffer.alloc(32).toString("base64")}",\n  "packs"`,
    code: "CORRUPT",
    says: "MAC",
  },
  { name: "what is no JSON", from: "{", to: "", code: "CORRUPT", says: "not JSON" },
  { name: "what is no object", from: /[^]*/, to: "[]\n", code: "CORRUPT", says: "not valid" },
  {
    name: "endless nesting",
    from: '"nested": {',
    to: `"nested": ${"[".repeat(50_000)}${"]".repeat(50_000)}, "x": {`,
    code: "CORRUPT",
    says: "nested",
  },
])("refuses $name", ({ from, to, code, says }) => {
  const bytes = edited(from, to);
  const refuse = (): unknown => parseManifest(bytes, undefined);
  expect(refuse).toThrow(expect.objectContaining({ code }));
  expect(refuse).toThrow(says);
});

it("does not write what it would not read", () => {
  expect(() => serializeManifest(sealedSample, undefined)).toThrow("no key was given");
  expect(() => serializeManifest(sample, keys)).toThrow("but key was given");
  const incremental = { ...sample, head: { ...sample.head, base: "erlmcp_full_20260101_000000" } };
  expect(() => serializeManifest(incremental, undefined)).toThrow("has a base");
});
