import { craft, file, folder, link, source, table, type SampleItem, type SampleRepository } from "@erlmcp/samples";
import { readObject } from "@erlmcp/store";

/** Of each of them. */
export const id = "erlmcp_full_20260202_120000";

const records = (count: number, chunk: Buffer, length: number): Buffer => {
  const record = Buffer.concat([chunk, Buffer.alloc(4)]);
  record.writeUInt32BE(length, 32);
  return Buffer.concat(Array.from({ length: count }, () => record));
};

export interface Hostile {
  readonly name: string;
  readonly make: (repository: SampleRepository) => Promise<void>;
  readonly named: RegExp; // what verify says
}

const ofEntries = (name: string, items: readonly SampleItem[], named: RegExp): Hostile => ({
  name,
  make: (repository) => repository.make(id, { sources: [source("volumes", "data", items)] }),
  named,
});

const payload = Buffer.from("payload");
const out = "../outside";

/** What no walk would give to the write side. */
export const hostileEntries: Hostile[] = [
  ...["../outside/x", "/outside/x", "a/../../outside/x", "a/../x", "a\0b", "a//b", ".", "..", "a/"].map((path) =>
    ofEntries(`the path ${JSON.stringify(path)}`, [folder(""), file(path, payload)], /its path leads elsewhere/),
  ),
  ofEntries(
    "a file in a symbolic link",
    [folder(""), link("symlink", "a", out), file("a/x", payload)],
    /in what is no folder/,
  ),
  ofEntries(
    "a folder in a symbolic link",
    [folder(""), link("symlink", "a", out), folder("a/x")],
    /in what is no folder/,
  ),
  ofEntries("a file in a file", [folder(""), file("a", payload), file("a/x", payload)], /in what is no folder/),
  ofEntries("a symbolic link for a root", [link("symlink", "", out), file("x", payload)], /the root is a symlink/),
  ofEntries(
    "a hard link to outside",
    [folder(""), link("hardlink", "a", "../outside/canary")],
    /further name of lies elsewhere/,
  ),
  ofEntries(
    "a folder replaced by a link",
    [folder(""), folder("a"), link("symlink", "a", out), file("a/x", payload)],
    /out of order/,
  ),
  ofEntries("a path twice", [folder(""), file("a", payload), file("a", payload)], /out of order/),
  ofEntries("paths out of order", [folder(""), file("b", payload), file("a", payload)], /out of order/),
  ofEntries("a size that lies", [folder(""), file("a", payload, { size: 8 })], /8 bytes has contents of 7/),
  ofEntries(
    "data outside of its file",
    [folder(""), file("a", payload, { size: 9, sparse: [[4, 7]] })],
    /outside of it/,
  ),
  ofEntries(
    "data in other data",
    [
      folder(""),
      file("a", payload, {
        size: 9,
        sparse: [
          [0, 4],
          [2, 3],
        ],
      }),
    ],
    /in other data/,
  ),
  ofEntries("a kind that is none", [folder(""), file("a", payload, { kind: "door" })], /door|kind/),
  ofEntries("a table among files", [folder(""), table("a", [payload])], /a table is nothing of volumes/),
  ofEntries(
    "a length of a content that lies",
    [folder(""), { ...file("a", payload, { size: 6 }), refer: (stored) => ({ ...stored, bytes: 6 }) }],
    /more than the 6 bytes/,
  ),
  ofEntries(
    "a content that is no list of chunks",
    [folder(""), { ...file("a", payload), refer: (stored) => ({ ...stored, depth: 6 }) }],
    /list|cut|length|records/,
  ),
  ofEntries(
    "a content of impossible depth",
    [folder(""), { ...file("a", payload), refer: (stored) => ({ ...stored, depth: 7_000_000 }) }],
    /depth/,
  ),
  ofEntries(
    "chunks that are nowhere",
    [folder(""), { ...file("a", payload), refer: (stored) => ({ ...stored, chunks: ["ab".repeat(32)] }) }],
    /is in none of/,
  ),
];

const ofBytes = (name: string, named: RegExp, make: (repository: SampleRepository) => Promise<void>): Hostile => ({
  name,
  named,
  make,
});
const inCraft = (made: ReturnType<typeof craft>, items: readonly SampleItem[]) =>
  ({ component: "volumes", name: "data", entries: made.entries(items), entry_count: items.length }) as const;

function lyingNumber(name: string, change: Parameters<ReturnType<typeof craft>["objects"]>[0]): Hostile {
  return ofBytes(`a number that lies: ${name}`, /chunks\.idx|packs\/000001\.pack/, async (repository) => {
    const made = craft();
    const described = inCraft(made, [folder(""), file("a", payload)]);
    await repository.craft(id, { objects: made.objects(change), source: described });
  });
}

/** What only verify looks at: what is read is right. */
export const hostileFooters: Hostile[] = [
  lyingNumber("segments of the footer", { footer: lie(0) }),
  lyingNumber("chunks of the footer", { footer: lie(4) }),
];

/** Packs, indexes and manifests made by hand. */
export const hostileBytes: Hostile[] = [
  ofBytes("a chunk of other bytes, well sealed", /packs\/000001\.pack/, async (repository) => {
    const made = craft();
    const chunk = Buffer.alloc(32, 0xab);
    made.segment({ stored: payload, encoding: 0, plainBytes: 7, chunks: [{ id: chunk, length: 7 }] });
    const forged = { ...file("a", payload), refer: () => ({ bytes: 7, depth: 0, chunks: [chunk.toString("hex")] }) };
    const described = inCraft(made, [folder(""), forged]);
    await repository.craft(id, { objects: made.objects(), source: described });
  }),
  ofBytes("a segment that expands to 256 MiB instead of 1", /decompress/, async (repository) => {
    const made = craft();
    const chunk = made.bomb(2 ** 28, 2 ** 20).toString("hex");
    const bomb = {
      ...file("a", payload, { size: 2 ** 20 }),
      refer: () => ({ bytes: 2 ** 20, depth: 0, chunks: [chunk] }),
    };
    const described = inCraft(made, [folder(""), bomb]);
    await repository.craft(id, { objects: made.objects(), source: described });
  }),
  ofBytes("a segment that claims 4 GiB", /chunks\.idx|footer/, async (repository) => {
    const made = craft();
    const chunk = made.bomb(2 ** 20, 2 ** 32 - 1).toString("hex");
    const bomb = { ...file("a", payload), refer: () => ({ bytes: 7, depth: 0, chunks: [chunk] }) };
    const described = inCraft(made, [folder(""), bomb]);
    await repository.craft(id, { objects: made.objects(), source: described });
  }),
  ofBytes("lists of lists that give a million million chunks", /more than the 7 bytes/, async (repository) => {
    const made = craft();
    let [chunk, length] = [made.chunk(payload), payload.length];
    for (let depth = 0; depth < 5; depth += 1) {
      const list = records(1000, chunk, length);
      [chunk, length] = [made.chunk(list), list.length];
    }
    const deep = { ...file("a", payload), refer: () => ({ bytes: 7, depth: 5, chunks: [chunk.toString("hex")] }) };
    const described = inCraft(made, [folder(""), deep]);
    await repository.craft(id, { objects: made.objects(), source: described });
  }),
  ...[
    { name: "index", change: { counts: lie(0) } },
    { name: "chunk count of the index", change: { counts: lie(4) } },
    { name: "segment of a chunk in the index", change: { records: lie(32) } },
    { name: "offset of a chunk in the index", change: { records: lie(36) } },
    { name: "length of a chunk in the index", change: { records: lie(40) } },
  ].map(({ name, change }) => lyingNumber(name, change)),
  ofBytes("a pack that is cut, its manifest agreeing", /packs\/000001\.pack/, (repository) =>
    repository.make(id, {
      deviation: {
        objects: (objects) =>
          void objects.set("packs/000001.pack", objects.get("packs/000001.pack")?.subarray(0, 5000) ?? Buffer.alloc(0)),
      },
    }),
  ),
  ofBytes("the manifest of another ID", /manifest\.json/, (repository) =>
    repository.make(id, { deviation: { head: (head) => ({ ...head, id: "erlmcp_full_20260203_120000" }) } }),
  ),
  ofBytes("a manifest that depends on itself", /manifest\.json/, (repository) =>
    repository.make(id, { deviation: { head: (head) => ({ ...head, depends_on: [id] }) } }),
  ),
  ofBytes("a manifest that depends on a folder elsewhere", /manifest\.json/, (repository) =>
    repository.make(id, {
      deviation: { head: (head) => ({ ...head, type: "incremental", base: id, depends_on: ["../outside"] }) },
    }),
  ),
  ofBytes("facts nested a hundred thousand deep", /manifest\.json/, async (repository) => {
    await repository.make(id, {});
    const key = `${id}/manifest.json`;
    const text = (await readObject(repository.store, key, 1e9)).toString();
    await repository.store.put(
      key,
      Buffer.from(text.replace('"facts": {}', `"facts": ${'{"a":'.repeat(1e5)}1${"}".repeat(1e5)}`)),
    );
  }),
];

/** Puts 2^32 - 1 into a place of a table. */
function lie(at: number) {
  return (plain: Buffer): Buffer => {
    const lying = Buffer.from(plain);
    lying.writeUInt32BE(2 ** 32 - 1, at);
    return lying;
  };
}
