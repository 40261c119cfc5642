import { createLog } from "@erlmcp/job";
import { damages, damagedCopy, objectsOf, sampleRepository, withDamage, type SampleRepository } from "@erlmcp/samples";
import { readObject } from "@erlmcp/store";
import { beforeAll, describe, expect, it } from "vitest";
import { verifyFirst } from "./preflight.ts";

const full = "erlmcp_full_20260202_120000";
const incremental = "erlmcp_incremental_20260202_121500";
const other = "erlmcp_full_20260203_120000";

/** @returns what the log said */
async function preflight({ access }: SampleRepository, id: string): Promise<string[]> {
  const lines: string[] = [];
  const stderr = {
    isTTY: false,
    columns: 80,
    bytes: 0,
    write: (text: string | Uint8Array) => void lines.push(text.toString()),
    sha256: () => "",
  };
  const log = createLog(stderr, { service: "restore", level: "error" });
  const signal = new AbortController().signal;
  await verifyFirst({ context: { stderr, log, signal, monotonicMs: () => 0 }, quiet: true, access, id });
  return lines;
}

describe.each([undefined, "aes-256-gcm"] as const)("before a restore, cipher %s", (cipher) => {
  let repository: SampleRepository;

  beforeAll(async () => {
    repository = sampleRepository(cipher);
    await repository.add(full, 0);
    await repository.add(incremental, 1, [full]);
    await repository.add(other, 2);
  });

  it("warns of nothing that is whole", async () => {
    expect((await preflight(repository, incremental)).filter((line) => !line.includes('"level":30'))).toEqual([]);
  });

  it.for(objectsOf.flatMap((object) => damages.map((damage) => ({ object, damage: damage.name, make: damage.make }))))(
    "refuses $object: $damage",
    async ({ object, make }) => {
      for (const of of [incremental, full]) {
        const key = `${of}/${object}`;
        const otherBytes = await readObject(repository.store, `${other}/${object}`, 2 ** 30);
        const bytes = damagedCopy(make, {
          bytes: await readObject(repository.store, key, 2 ** 30),
          otherBytes,
          seed: key,
        });
        await withDamage(repository.store, key, bytes, async () => {
          const refused = preflight(repository, incremental);
          await expect(refused).rejects.toMatchObject({
            code: "CORRUPT",
            hint: expect.stringContaining("Nothing was touched"),
          });
          await expect(refused).rejects.toThrow(object);
        });
      }
    },
  );
});
