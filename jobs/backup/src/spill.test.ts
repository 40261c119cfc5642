import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSpill } from "./spill.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "spill-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function spilled(pieces: readonly Uint8Array[]): Promise<Buffer> {
  const own = await mkdtemp(join(folder, "run-"));
  const writer = await createSpill(own).create();
  for (const piece of pieces) await writer.write(piece);
  const reader = await writer.finish();
  const read: Uint8Array[] = [];
  for await (const piece of reader) read.push(piece);
  await reader.discard();
  expect(await readdir(own)).toEqual([]);
  return Buffer.concat(read);
}

it("gives back what was written, whatever the pieces", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, async (list) => {
      expect((await spilled(list)).equals(Buffer.concat(list))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

it("keeps frames that are longer than a read of the file", async () => {
  const big = Buffer.alloc(3 * 1024 * 1024 + 17, "row ");
  expect((await spilled([big, Buffer.from("end")])).length).toBe(big.length + 3);
});

it("leaves nothing readable on the disk", async () => {
  const own = await mkdtemp(join(folder, "clear-"));
  const writer = await createSpill(own).create();
  await writer.write(Buffer.from("a customer's secret row"));
  const reader = await writer.finish();
  const [name = ""] = await readdir(own);
  const onDisk = await readFile(join(own, name));
  expect(onDisk.includes("secret")).toBe(false);
  await reader.discard();
});

it.for([
  ["a flipped bit", (bytes: Buffer) => bytes.with(40, (bytes[40] ?? 0) ^ 1), "was changed"],
  ["a lost end", (bytes: Buffer) => bytes.subarray(0, -5), "ends within a frame"],
  ["a lost frame", (bytes: Buffer) => bytes.subarray(0, 4 + bytes.readUInt32BE(0)), "has lost frames"],
] as const)("refuses %s", async ([, damage, message]) => {
  const own = await mkdtemp(join(folder, "damaged-"));
  const writer = await createSpill(own).create();
  await writer.write(Buffer.alloc(100, 1));
  await writer.write(Buffer.alloc(100, 2));
  const reader = await writer.finish();
  const path = join(own, "000001");
  await writeFile(path, damage(await readFile(path)));
  await expect(async () => {
    for await (const piece of reader) expect(piece.length).toBe(100);
  }).rejects.toThrow(message);
});
