import { weakestGrade } from "@erlmcp/entry";
import { canonicalJson, encodeLine, sha256Hex, type Manifest, type ManifestSource } from "@erlmcp/manifest";
import { createPackWriter, type Chunking, type PackWriter, type RestorePointKey } from "@erlmcp/pack";
import type { Generation } from "@erlmcp/restore-point";
import type { ObjectStore } from "@erlmcp/store";
import { writeDocuments, type Stored } from "./documents.ts";
import type { SampleSource } from "./source.ts";

/** Small chunks, so that small contents have several of them, and lists of lists. */
export const chunking: Chunking = {
  file: { min: 16_384, average: 65_536, max: 262_144 },
  table: { min: 64, average: 256, max: 1024 },
};

/** Where the write side is made to do what it never would. */
export interface Deviation {
  /** Packs and index by their names, before their SHA-256 is taken. */
  readonly objects?: (objects: Map<string, Buffer>) => void;
  readonly head?: (head: Manifest["head"]) => object;
  readonly contents?: (contents: Manifest["contents"]) => object;
}

export interface Making {
  readonly store: ObjectStore;
  readonly id: string;
  readonly generation: Generation | undefined;
  readonly key: RestorePointKey | undefined;
  readonly slots: Manifest["head"]["key_slots"];
}

export interface Given {
  readonly sources: readonly SampleSource[];
  readonly complete?: boolean | undefined;
  readonly deviation?: Deviation | undefined;
}

export async function makeRestorePoint(
  making: Making,
  { sources, complete = true, deviation = {} }: Given,
): Promise<void> {
  const parts = new Map<string, Buffer[]>();
  const writer = openWriter(making, parts);
  const stored: ManifestSource[] = [];
  for (const source of sources) stored.push(await storeSource(writer, source));
  const lines = sources.flatMap(({ ledger }) => ledger);
  const ledger = await writer.stream(once(lines.map((line) => encodeLine(line))), "table");
  const result = await writer.finish();
  await writer.close();
  const objects = new Map([...parts].map(([name, pieces]) => [name, Buffer.concat(pieces)]));
  deviation.objects?.(objects);
  for (const [name, bytes] of objects) await making.store.put(`${making.id}/${name}`, bytes);
  const contents = { sources: stored, ledger, ledger_lines: lines.length };
  const { dependsOn, stats } = result;
  await writeDocuments(making, {
    objects: [...objects].map(factsOf),
    dependsOn,
    newBytes: stats.newBytes,
    contents,
    lines,
    complete,
    chunking,
    deviation,
  });
}

export function factsOf([name, bytes]: [string, Buffer]): Stored["objects"][number] {
  return { name, bytes: bytes.length, sha256: sha256Hex(bytes) };
}

function openWriter({ generation, key }: Making, parts: Map<string, Buffer[]>): PackWriter {
  return createPackWriter({
    target: {
      async create(name) {
        const pieces: Buffer[] = [];
        parts.set(name, pieces);
        return {
          write: async (bytes) => {
            pieces.push(Buffer.from(bytes));
          },
          close: async () => undefined,
        };
      },
    },
    secret: key?.secret,
    cipher: key?.cipher ?? "aes-256-gcm",
    level: 1,
    chunking,
    base: generation,
    threads: 0,
    signal: new AbortController().signal,
  });
}

async function storeSource(
  writer: PackWriter,
  { component, name, items, ledger }: SampleSource,
): Promise<ManifestSource> {
  const lines: Buffer[] = [];
  let [bytes, rows] = [0, 0];
  for (const { entry, content, as = "table", refer = (stored: unknown) => stored } of items) {
    const ref = content && (await writer.stream(once(content), as));
    bytes += ref?.bytes ?? 0;
    if (typeof entry["rows"] === "number") rows += entry["rows"];
    lines.push(Buffer.from(`${canonicalJson(ref ? { ...entry, content: refer(ref) } : entry)}\n`));
  }
  return {
    component,
    name,
    facts: {},
    entries: await writer.stream(once(lines), "table"),
    entry_count: items.length,
    rows,
    bytes,
    grade: weakestGrade(ledger.flatMap(({ grade }) => grade ?? [])) ?? null,
  };
}

async function* once(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield part;
}
