import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BackupError } from "@erlmcp/errors";
import { readReader } from "@erlmcp/rescue";
import { openRestorePoint } from "@erlmcp/restore-point";
import { sampleRepository, type SampleRepository } from "@erlmcp/samples";
import { readObject } from "@erlmcp/store";
import { describeFinding, verifyRestorePoint } from "@erlmcp/verify";
import { unpackTree } from "@erlmcp/volumes";
import { expect, it } from "vitest";
import { hostileBytes, hostileEntries, hostileFooters, id } from "./hostile-points.ts";

const signal = new AbortController().signal;
/** What verify says of it. */
async function findings({ access }: SampleRepository): Promise<string> {
  const verdict = await verifyRestorePoint(id, { access, mode: "full", signal });
  return verdict.findings.map(describeFinding).join("\n");
}

async function unpack({ access }: SampleRepository, target: string): Promise<void> {
  const point = await openRestorePoint(access, id);
  try {
    for (const one of point.manifest.contents.sources) {
      if (one.component !== "volumes") continue;
      await unpackTree({
        entries: point.entries(one),
        read: (content) => point.read(content),
        target,
        mode: "fresh",
        signal,
      });
    }
  } finally {
    await point.close();
  }
}

async function rescued({ store }: SampleRepository, at: string): Promise<{ status: unknown; text: string }> {
  for await (const { key, bytes: size } of store.list(`${id}/`)) {
    await mkdir(dirname(join(at, key)), { recursive: true });
    await writeFile(join(at, key), await readObject(store, key, size));
  }
  await writeFile(join(at, "rescue.mjs"), await readReader());
  return new Promise((resolve) => {
    const args = ["--max-old-space-size=128", "rescue.mjs", id, "--to", "rescued"];
    execFile(process.execPath, args, { cwd: at, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, text: stdout + stderr }),
    );
  });
}

/** Works in a folder beside one that nothing may reach. */
async function beside(work: (at: string) => Promise<void>): Promise<void> {
  const at = await mkdtemp(join(tmpdir(), "erlmcp-hostile-"));
  try {
    await mkdir(join(at, "outside"));
    await mkdir(join(at, "target"));
    await writeFile(join(at, "outside/canary"), "alive");
    await work(at);
    expect(await readdir(join(at, "outside"))).toEqual(["canary"]);
    expect(await readFile(join(at, "outside/canary"), "utf8")).toBe("alive");
    const ours = ["outside", "target", "rescued", "rescue.mjs", id];
    expect((await readdir(at)).filter((one) => !ours.includes(one))).toEqual([]);
  } finally {
    await rm(at, { recursive: true });
  }
}

it.for([...hostileEntries, ...hostileBytes])("$name does no harm and is named", async ({ make, named }) => {
  const repository = sampleRepository(undefined);
  await make(repository);
  expect(await findings(repository)).toMatch(named);
  await beside(async (at) => {
    const refusal = await unpack(repository, join(at, "target")).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BackupError);
    expect(refusal).toMatchObject({ code: "CORRUPT" });
    expect(await rescued(repository, at)).toMatchObject({ status: 4 });
  });
});

it.for(hostileFooters)("$name is named, and what is read is right", async ({ make, named }) => {
  const repository = sampleRepository(undefined);
  await make(repository);
  expect(await findings(repository)).toMatch(named);
  await beside(async (at) => {
    await unpack(repository, join(at, "target"));
    expect([0, 3]).toContain((await rescued(repository, at)).status);
    for (const copy of ["target/a", "rescued/volumes/data/files/a"]) {
      expect(await readFile(join(at, copy), "utf8")).toBe("payload");
    }
  });
});
