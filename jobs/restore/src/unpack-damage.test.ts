import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Entry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { openRestorePoint } from "@erlmcp/restore-point";
import {
  damagedCopy,
  damages,
  defaultSources,
  sampleRepository,
  withDamage,
  type SampleRepository,
} from "@erlmcp/samples";
import { readObject } from "@erlmcp/store";
import { unpackTree } from "@erlmcp/volumes";
import { beforeAll, describe, expect, it } from "vitest";

const full = "erlmcp_full_20260202_120000";
const incremental = "erlmcp_incremental_20260202_121500";
const other = "erlmcp_full_20260203_120000";
const signal = new AbortController().signal;

const nameOf = (component: string, path: Entry["path"]): string =>
  `${component} ${typeof path === "string" ? path : path.b64}`;

/** What was put in, by component and path. */
const expected = new Map(
  defaultSources(1).flatMap(({ component, items }) =>
    items.map(({ entry: { path }, content = [] }) => [nameOf(component, path), Buffer.concat(content)] as const),
  ),
);

/** Unpacks files, and reads tables as far as they go: the whole of each, or what came of it before it ended. */
async function unpack({ access }: SampleRepository, target: string): Promise<Map<string, Buffer>> {
  const read = new Map<string, Buffer>();
  const point = await openRestorePoint(access, incremental);
  try {
    for (const source of point.manifest.contents.sources) {
      const entries = point.entries(source);
      if (source.component === "volumes") {
        await unpackTree({ entries, read: (content) => point.read(content), target, mode: "fresh", signal });
        continue;
      }
      for await (const entry of entries) {
        if (!("content" in entry)) continue;
        const name = nameOf(source.component, entry.path);
        for await (const piece of point.read(entry.content)) {
          read.set(name, Buffer.concat([read.get(name) ?? Buffer.alloc(0), piece]));
        }
      }
    }
    return read;
  } finally {
    await point.close();
  }
}

/** The files that there are and are not what was put in. */
async function wrongFiles(target: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const name of await readdir(target)) {
    const right = expected.get(`volumes ${name}`);
    if (right === undefined || !(await readFile(join(target, name))).equals(right)) wrong.push(name);
  }
  return wrong;
}

/** What became of it: refused for damage, or all of it right. Anything else is told. */
async function outcome(repository: SampleRepository): Promise<"refused" | "right" | { wrong: unknown }> {
  const target = await mkdtemp(join(tmpdir(), "erlmcp-unpack-"));
  try {
    const read = await unpack(repository, target).catch((error: unknown) => error);
    const wrong = await wrongFiles(target);
    if (wrong.length > 0) return { wrong };
    if (read instanceof BackupError)
      return ["CORRUPT", "NOT_FOUND", "FORMAT_UNKNOWN", "KEY_WRONG"].includes(read.code) ? "refused" : { wrong: read };
    if (!(read instanceof Map)) return { wrong: read };
    const missing = [...expected].filter(
      ([name, bytes]) => name.startsWith("ets ") && read.get(name)?.equals(bytes) !== true,
    );
    const files = (await readdir(target)).toSorted();
    return missing.length === 0 && files.join(" ") === "large log readme" ? "right" : { wrong: { missing, files } };
  } finally {
    await rm(target, { recursive: true });
  }
}

describe.each([undefined, "aes-256-gcm"] as const)("unpacking what is damaged, cipher %s", (cipher) => {
  let repository: SampleRepository;

  beforeAll(async () => {
    repository = sampleRepository(cipher);
    await repository.add(full, 0);
    await repository.add(incremental, 1, [full]);
    await repository.add(other, 2);
  });

  it("gives what was put in where nothing is damaged", async () => {
    expect(await outcome(repository)).toBe("right");
  });

  it.for(damages)("$name: writes nothing that is wrong", async ({ name, make }) => {
    const seen = new Set<unknown>();
    for (const of of [incremental, full]) {
      for (const object of ["manifest.json", "chunks.idx", "packs/000001.pack"]) {
        for (const round of [0, 1, 2]) {
          const key = `${of}/${object}`;
          const otherBytes = await readObject(repository.store, `${other}/${object}`, 2 ** 30);
          const whole = await readObject(repository.store, key, 2 ** 30);
          const bytes = damagedCopy(make, { bytes: whole, otherBytes, seed: `${cipher} ${key} ${name} ${round}` });
          seen.add(await withDamage(repository.store, key, bytes, () => outcome(repository)));
        }
      }
    }
    expect([...seen].filter((one) => one !== "refused" && one !== "right")).toEqual([]);
    expect(seen).toContain("refused");
  });
});

it("refuses a manifest without a MAC in which a letter of a name has changed", async () => {
  const repository = sampleRepository(undefined);
  await repository.add(full, 0);
  await repository.add(incremental, 1, [full]);
  const key = `${incremental}/manifest.json`;
  const text = (await readObject(repository.store, key, 2 ** 30)).toString();
  const changed = Buffer.from(text.replace('"name": "data"', '"name": "dota"'));
  expect(changed.toString()).not.toBe(text);
  expect(await withDamage(repository.store, key, changed, () => outcome(repository))).toBe("refused");
});
