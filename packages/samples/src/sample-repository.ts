import { randomBytes } from "node:crypto";
import { createKeyring, newRunSecret, parseKeyFile, type Cipher } from "@erlmcp/crypto";
import type { ContentRef } from "@erlmcp/entry";
import type { ManifestSource } from "@erlmcp/manifest";
import { openGeneration, type RestorePointAccess } from "@erlmcp/restore-point";
import { createMemoryStore, rangeReaderOf, type ObjectStore } from "@erlmcp/store";
import { defaultSources } from "./default-sources.ts";
import { writeDocuments } from "./documents.ts";
import { chunking, factsOf, makeRestorePoint, type Deviation } from "./make.ts";
import type { SampleSource } from "./source.ts";

const nothing: ContentRef = { bytes: 0, depth: 0, chunks: [] };

export interface SampleOptions {
  /** Of the contents; those of `version` where none are given. */
  readonly sources?: readonly SampleSource[];
  readonly version?: number;
  readonly complete?: boolean;
  /** The full, then its incrementals: what is made is one more of them. */
  readonly base?: readonly string[];
  readonly deviation?: Deviation;
}

export interface Crafted {
  readonly objects: ReadonlyMap<string, Buffer>;
  readonly source: Pick<ManifestSource, "component" | "name" | "entries" | "entry_count">;
  readonly ledger?: ContentRef;
}

/** A repository with restore points made by the real writer. */
export interface SampleRepository {
  readonly store: ObjectStore;
  readonly access: RestorePointAccess;
  /** A restore point whose contents depend on `version`; an incremental of `base` where there is one. */
  add(id: string, version: number, base?: readonly string[]): Promise<void>;
  make(id: string, options: SampleOptions): Promise<void>;
  /** A restore point of one source, all of whose objects are given; unencrypted. */
  craft(id: string, crafted: Crafted): Promise<void>;
}

/** @param keyFile what the key file holds; 32 bytes of a key when undefined */
export function sampleRepository(
  cipher: Cipher | undefined,
  { store = createMemoryStore(), keyFile = Buffer.alloc(32, 7) }: { store?: ObjectStore; keyFile?: Buffer } = {},
): SampleRepository {
  const keyring = cipher && createKeyring(parseKeyFile(keyFile, "the test's key"));
  const access: RestorePointAccess = { store, keyring, open: (id, name) => rangeReaderOf(store, `${id}/${name}`) };

  async function make(id: string, { sources, version = 0, base = [], ...rest }: SampleOptions): Promise<void> {
    const generation = base.length === 0 ? undefined : await openGeneration(access, base);
    const secret = cipher && newRunSecret(randomBytes, generation?.key?.secret.generationKey);
    const key = secret && cipher && { secret, cipher };
    const [slot] = generation?.base.head.key_slots ?? [];
    const derivation = slot?.derivation ?? keyring?.newDerivation(randomBytes);
    const slots = key && keyring && derivation ? [await keyring.wrap(key.secret, derivation, randomBytes)] : [];
    await makeRestorePoint(
      { store, id, generation, key, slots },
      { sources: sources ?? defaultSources(version), ...rest },
    );
    await generation?.close();
  }

  async function craft(id: string, { objects, source, ledger = nothing }: Crafted): Promise<void> {
    for (const [name, bytes] of objects) await store.put(`${id}/${name}`, bytes);
    const described = { ...source, facts: {}, rows: 0, bytes: 0, grade: null };
    await writeDocuments(
      { store, id, generation: undefined, key: undefined, slots: [] },
      {
        objects: [...objects].map(factsOf),
        dependsOn: [],
        newBytes: 0,
        contents: { sources: [described], ledger, ledger_lines: 0 },
        lines: [],
        complete: true,
        chunking,
        deviation: {},
      },
    );
  }

  return { store, access, craft, add: (id, version, base = []) => make(id, { version, base }), make };
}
