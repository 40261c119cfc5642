import { createHash } from "node:crypto";
import { readObject, type ObjectStore } from "@erlmcp/store";
import { beforeAll, describe, expect, it } from "vitest";
import { verifyRestorePoint, type Finding, type VerifyMode } from "./index.ts";
import { sampleRepository, type SampleRepository } from "@erlmcp/samples";

const full = "erlmcp_full_20260202_120000";
const incremental = "erlmcp_incremental_20260202_121500";
const other = "erlmcp_full_20260203_120000";
const objects = ["manifest.json", "checksums.sha256", "receipt.json", "chunks.idx", "packs/000001.pack"];

/** A number from 0 up to, not including, `below`: the same each time for the same seed. */
function drawn(seed: string, below: number): number {
  return createHash("sha256").update(seed).digest().readUInt32BE(0) % below;
}

interface Damage {
  readonly name: string;
  /** The damaged object; undefined: it is gone. */
  readonly make: (bytes: Buffer, context: { seed: string; otherBytes: Buffer }) => Buffer | undefined;
}

const damages: Damage[] = [
  {
    name: "a bit flipped",
    make(bytes, { seed }) {
      const at = drawn(`${seed} at`, bytes.length);
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << drawn(`${seed} bit`, 8));
      return flipped;
    },
  },
  { name: "cut", make: (bytes, { seed }) => bytes.subarray(0, drawn(`${seed} cut`, bytes.length)) },
  {
    name: "two parts of it swapped",
    make(bytes, { seed }) {
      const size = 1 + drawn(`${seed} size`, Math.floor(bytes.length / 3));
      const from = drawn(`${seed} from`, bytes.length - 2 * size);
      const to = from + size + drawn(`${seed} to`, bytes.length - from - 2 * size);
      const [a, b] = [bytes.subarray(from, from + size), bytes.subarray(to, to + size)];
      return Buffer.concat([bytes.subarray(0, from), b, bytes.subarray(from + size, to), a, bytes.subarray(to + size)]);
    },
  },
  {
    name: "a part of it zeroed",
    make(bytes, { seed }) {
      const from = drawn(`${seed} from`, bytes.length);
      return Buffer.from(bytes).fill(0, from, Math.min(bytes.length, from + 1 + drawn(`${seed} size`, 512)));
    },
  },
  { name: "longer", make: (bytes, { seed }) => Buffer.concat([bytes, bytes.subarray(0, 1 + drawn(seed, 64))]) },
  { name: "gone", make: () => undefined },
  { name: "that of another restore point", make: (_bytes, { otherBytes }) => otherBytes },
];

async function verify(
  { access }: SampleRepository,
  id: string,
  mode: VerifyMode = "full",
): Promise<readonly Finding[]> {
  return (await verifyRestorePoint(id, { access, mode, signal: new AbortController().signal })).findings;
}

async function withDamage<T>(
  store: ObjectStore,
  key: string,
  bytes: Buffer | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const whole = await readObject(store, key, 2 ** 30);
  if (bytes === undefined) await store.delete([key]);
  else await store.put(key, bytes);
  try {
    return await work();
  } finally {
    await store.put(key, whole);
  }
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
    it.for(objects.flatMap((object) => damages.map((damage) => ({ object, ...damage }))))(
      "$object: $name",
      async ({ object, name, make }) => {
        const { store } = repository;
        const key = `${damaged}/${object}`;
        const bytes = await readObject(store, key, 2 ** 30);
        const otherBytes = await readObject(store, `${other}/${object}`, 2 ** 30);
        const rounds = name === "gone" || name.startsWith("that of") ? 1 : 3;
        for (let round = 0; round < rounds; round += 1) {
          const seed = `${cipher} ${verified} ${damaged} ${object} ${name} ${round}`;
          const made = make(bytes, { seed, otherBytes });
          if (made?.equals(bytes) === true) continue;
          const findings = await withDamage(store, key, made, () => verify(repository, verified));
          const named = findings.filter((one) => one.restorePoint === damaged && one.object === object);
          expect(named, `${seed}: ${JSON.stringify(findings, undefined, 1)}`).not.toEqual([]);
          const innocent = findings.filter(
            (one) => one.object !== null && `${one.restorePoint}/${one.object}` !== key && one.object !== key,
          );
          expect(innocent, `${seed}: ${JSON.stringify(findings, undefined, 1)}`).toEqual([]);
        }
        expect(await verify(repository, verified, "quick")).toEqual([]);
      },
    );
  });
});
