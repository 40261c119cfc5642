import { readFileSync } from "node:fs";
import { newRunSecret } from "@erlmcp/crypto";
import { expect, it } from "vitest";
import { collect, goldenRun, noise, rangesOf } from "./test-support.ts";
import { createChunkIndex } from "./chunk-index.ts";
import { loadIndex } from "./index-file.ts";
import { createPackReader } from "./reader.ts";
import { createDocumentSealer, plainSealer } from "@erlmcp/crypto";
import { randomBytes } from "node:crypto";

const fixture = (name: string, file: string) =>
  readFileSync(new URL(`../fixtures/format-1/${name}/${file}`, import.meta.url));

// The bytes of format 1. When this fails the format has changed: that is a new version, and this one stays readable.
it.for([
  { name: "none", cipher: undefined },
  { name: "aes-256-gcm", cipher: "aes-256-gcm" as const },
  { name: "aes-256-cbc", cipher: "aes-256-cbc" as const },
])("writes and reads format 1 with cipher $name to the byte", async ({ name, cipher }) => {
  const { objects, content } = await goldenRun(cipher);
  const pack = fixture(name, "000001.pack");
  const index = fixture(name, "chunks.idx");
  expect(objects.get("full/packs/000001.pack")?.equals(pack)).toBe(true);
  expect(objects.get("full/chunks.idx")?.equals(index)).toBe(true);
  expect(content).toEqual(JSON.parse(fixture(name, "content.json").toString()));

  const secret = newRunSecret((bytes) => noise(bytes, "golden data key"));
  const dataKey = secret.dataKey;
  const sealer = cipher === undefined ? plainSealer : createDocumentSealer({ dataKey, cipher, random: randomBytes });
  const chunks = createChunkIndex();
  await loadIndex(chunks, { restorePoint: "full", file: rangesOf(index), sealer });
  const reader = createPackReader({
    index: chunks,
    open: async () => rangesOf(pack),
    key: () => (cipher === undefined ? undefined : { secret, cipher }),
  });
  expect(await collect(reader.read(content))).toEqual(noise(3000, "golden"));
});
