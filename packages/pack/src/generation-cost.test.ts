import { expect, it } from "vitest";
import type { ContentRef } from "@erlmcp/entry";
import { createPackReader } from "./reader.ts";
import { noise, pieces, testRepository } from "./test-support.ts";

const tableBytes = 8 * 1024 * 1024;
const incrementals = 100;
const changesEach = 12;

/** A table of which every incremental changes a few rows, all over it. */
async function generation() {
  const repository = testRepository("aes-256-gcm");
  const table = noise(tableBytes, "rows");
  const ids: string[] = [];
  const contents: ContentRef[] = [];
  const dependsOn: string[][] = [];
  for (let number = 0; number <= incrementals; number += 1) {
    const id = number === 0 ? "full" : `incremental ${number}`;
    if (number > 0) changeRows(table, id);
    const writer = await repository.writer(id, ids);
    contents.push(await writer.stream(pieces(table, 1024 * 1024), "table"));
    dependsOn.push((await writer.finish()).dependsOn);
    await writer.close();
    ids.push(id);
  }
  return { ...repository, ids, contents, dependsOn, table };
}

function changeRows(table: Buffer, seed: string): void {
  for (let change = 0; change < changesEach; change += 1) {
    const at = noise(4, `${seed} ${change}`).readUInt32BE() % (tableBytes - 100);
    noise(100, `${seed} ${change} row`).copy(table, at);
  }
}

type Made = Awaited<ReturnType<typeof generation>>;

/** What reading all of a restore point takes from packs. */
async function costOf(made: Made, number: number) {
  const { ids, contents, dependsOn } = made;
  const [id, content] = [ids[number], contents[number]];
  if (id === undefined || content === undefined) throw new Error(`there is no restore point ${number}`);
  const cost = { bytes: 0, opens: 0, points: 1 + (dependsOn[number]?.length ?? 0) };
  const reader = createPackReader({
    index: await made.indexOf(...(dependsOn[number] ?? []), id),
    async open(point, name) {
      const file = await made.open(point, name);
      cost.opens += 1;
      return {
        size: file.size,
        async read(offset, length) {
          cost.bytes += length;
          return file.read(offset, length);
        },
      };
    },
    key: (point) => made.keys.get(point),
  });
  let read = 0;
  for await (const piece of reader.read(content)) read += piece.length;
  await reader.close();
  expect(read).toBe(tableBytes);
  return cost;
}

/** Bytes of all packs that a restore point needs something of. */
function storedBytes({ objects, ids, dependsOn }: Made, number: number): number {
  const needed = new Set([...(dependsOn[number] ?? []), ids[number]]);
  const packs = [...objects].filter(([name]) => name.includes("/packs/") && needed.has(name.split("/")[0]));
  return packs.reduce((sum, [, bytes]) => sum + bytes.length, 0);
}

it("reading restore point 100 of a generation takes no byte twice, as reading the first", async () => {
  const made = await generation();
  expect(made.dependsOn[100]?.length).toBeGreaterThan(90); // it needs a little of nearly each
  for (const number of [1, 10, 100]) {
    const { bytes, opens, points } = await costOf(made, number);
    expect(bytes).toBeLessThanOrEqual(storedBytes(made, number));
    expect(opens).toBe(points); // each has one pack
  }
});
