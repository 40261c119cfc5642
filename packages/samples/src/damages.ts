import { createHash } from "node:crypto";
import { readObject, type ObjectStore } from "@erlmcp/store";

/** What a restore point of one pack consists of. */
export const objectsOf = [
  "manifest.json",
  "checksums.sha256",
  "receipt.json",
  "chunks.idx",
  "packs/000001.pack",
] as const;

/** A number from 0 up to, not including, `below`: the same each time for the same seed. */
export function drawn(seed: string, below: number): number {
  return createHash("sha256").update(seed).digest().readUInt32BE(0) % below;
}

export interface DamageContext {
  readonly seed: string;
  /** The same object of another restore point. */
  readonly otherBytes: Buffer;
}

export interface Damage {
  readonly name: string;
  /** The damaged object; undefined: it is gone. */
  readonly make: (bytes: Buffer, context: DamageContext) => Buffer | undefined;
}

export const damages: readonly Damage[] = [
  {
    name: "a bit flipped",
    make: (bytes, { seed }) => flipped(bytes, drawn(`${seed} at`, bytes.length), drawn(`${seed} bit`, 8)),
  },
  { name: "cut", make: (bytes, { seed }) => bytes.subarray(0, drawn(`${seed} cut`, bytes.length)) },
  { name: "empty", make: (bytes) => bytes.subarray(0, 0) },
  { name: "without its first bytes", make: (bytes, { seed }) => bytes.subarray(1 + drawn(seed, 64)) },
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
  {
    name: "a part of it that of another restore point",
    make(bytes, { seed, otherBytes }) {
      const end = Math.min(bytes.length, otherBytes.length);
      const from = drawn(`${seed} from`, end);
      const mixed = Buffer.from(bytes);
      otherBytes.copy(mixed, from, from, Math.min(end, from + 1 + drawn(`${seed} size`, 4096)));
      return mixed;
    },
  },
  { name: "longer", make: (bytes, { seed }) => Buffer.concat([bytes, bytes.subarray(0, 1 + drawn(seed, 64))]) },
  { name: "twice", make: (bytes) => Buffer.concat([bytes, bytes]) },
  { name: "gone", make: () => undefined },
  { name: "that of another restore point", make: (_bytes, { otherBytes }) => otherBytes },
];

export function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}

/** Bytes that are not what they were: a damage that happens to change nothing is drawn again. */
export function damagedCopy(
  make: Damage["make"],
  { bytes, otherBytes, seed }: DamageContext & { bytes: Buffer },
): Buffer | undefined {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const made = make(bytes, { otherBytes, seed: `${seed} ${attempt}` });
    if (made?.equals(bytes) !== true) return made;
  }
  throw new Error(`${seed}: no damage changes these bytes`);
}

/** Works while an object is other bytes, or gone. */
export async function withDamage<T>(
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
