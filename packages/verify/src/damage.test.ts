import { damagedCopy, damages, objectsOf, sampleRepository, withDamage, type SampleRepository } from "@erlmcp/samples";
import { readObject } from "@erlmcp/store";
import { beforeAll, describe, expect, it } from "vitest";
import { verifyRestorePoint, type Finding, type VerifyMode } from "./index.ts";

const full = "erlmcp_full_20260202_120000";
const incremental = "erlmcp_incremental_20260202_121500";
const other = "erlmcp_full_20260203_120000";

async function verify({ access }: SampleRepository, id: string, mode: VerifyMode): Promise<readonly Finding[]> {
  return (await verifyRestorePoint(id, { access, mode, signal: new AbortController().signal })).findings;
}

const nameOf = ({ restorePoint, object }: Finding) => `${restorePoint}/${object}`;

/** Nothing when findings name an object and no other one. */
function misnamed(findings: readonly Finding[], { key, seed }: { key: string; seed: string }): readonly unknown[] {
  const innocent = findings.filter((one) => one.object !== null && nameOf(one) !== key && one.object !== key);
  return findings.some((one) => nameOf(one) === key) && innocent.length === 0 ? [] : [seed, findings];
}

describe.each([undefined, "aes-256-gcm", "aes-256-cbc"] as const)("a restore point with cipher %s", (cipher) => {
  let repository: SampleRepository;

  beforeAll(async () => {
    repository = sampleRepository(cipher);
    await repository.add(full, 0);
    await repository.add(incremental, 1, [full]);
    await repository.add(other, 2);
  });

  describe.each([
    { of: "the full", verified: full, damaged: full },
    { of: "the incremental", verified: incremental, damaged: incremental },
    { of: "the base of the incremental", verified: incremental, damaged: full },
  ])("with an object of $of damaged", ({ verified, damaged }) => {
    it.for(objectsOf.flatMap((object) => damages.map((damage) => ({ object, ...damage }))))(
      "$object: $name",
      async ({ object, name, make }) => {
        const { store } = repository;
        const key = `${damaged}/${object}`;
        const bytes = await readObject(store, key, 2 ** 30);
        const otherBytes = await readObject(store, `${other}/${object}`, 2 ** 30);
        const rounds = ["gone", "empty", "twice", "that of another restore point"].includes(name) ? 1 : 2;
        for (let round = 0; round < rounds; round += 1) {
          const seed = `${cipher} ${verified} ${damaged} ${object} ${name} ${round}`;
          const made = damagedCopy(make, { bytes, otherBytes, seed });
          await withDamage(store, key, made, async () => {
            expect(misnamed(await verify(repository, verified, "full"), { key, seed })).toEqual([]);
            expect(misnamed(await verify(repository, verified, "quick"), { key, seed })).toEqual([]);
          });
        }
        expect(await verify(repository, verified, "quick")).toEqual([]);
      },
    );
  });
});
