import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { catalogLineOf, makeRestorePoint, newerId, olderId } from "./commit-scenario.ts";
import { createDyingIo, type Step } from "./dying-io.ts";
import { openRepository, realIo, type LockHolder } from "./index.ts";

const holder: LockHolder = { job: "backup", command: "full", container: "c", pid: 1, started: "2026-02-02T12:00:00Z" };

let base: string;
let before: string; // a repository with one restore point
let steps: Step[] = [];
let cases = 0;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "erlmcp-crash-"));
  before = join(base, "before");
  await makeRestorePoint(before, olderId);
  const whole = await copyOfBefore();
  await makeRestorePoint(whole, newerId, createDyingIo(realIo, { onStep: (step) => steps.push(step) }));
});
afterAll(() => rm(base, { recursive: true }));

async function copyOfBefore(): Promise<string> {
  cases += 1;
  const root = join(base, `case-${cases}`);
  await cp(before, root, { recursive: true });
  return root;
}

/** Every file of a restore point with its contents. */
async function contentsOf(root: string, id: string): Promise<Record<string, string>> {
  if (!(await readdir(root)).includes(id)) return {};
  const names = await readdir(join(root, id), { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile()).map((name) => join(name.parentPath, name.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (path) => [path.slice(root.length + 1), await readFile(path, "utf8")] as const)),
  );
}

function wholeContents(id: string): Record<string, string> {
  const entries = ["packs/000001.pack", "packs/000002.pack", "chunks.idx"].map(
    (name) => [`${id}/${name}`, `${id} ${name} begins and ends`] as const,
  );
  const small = ["manifest.json", "checksums.sha256", "receipt.json"].map(
    (name) => [`${id}/${name}`, `${id} ${name}`] as const,
  );
  return Object.fromEntries([...entries, ...small]);
}

/** The catalog from what is there, as the job's own reconciling does it from manifests. */
async function reconcile(root: string, catalog: string): Promise<string | undefined> {
  const ids = (await readdir(root))
    .filter((name) => name.startsWith("erlmcp_"))
    .toSorted((a, b) => (a.slice(-15) < b.slice(-15) ? -1 : 1));
  const wanted = ids.map((id) => `${catalogLineOf(id)}\n`).join("");
  return wanted === catalog ? undefined : wanted;
}

/** What the next run finds: the old restore point untouched, the new one whole or not there, and nothing else. */
async function checkAfterCrash(root: string, step: Step | undefined): Promise<"absent" | "whole"> {
  const where = `before ${JSON.stringify(step)}`;
  expect(await contentsOf(root, olderId), `${where}, afterwards`).toEqual(wholeContents(olderId));
  const there = (await readdir(root)).includes(newerId);
  expect(await contentsOf(root, newerId), `${where}, afterwards`).toEqual(there ? wholeContents(newerId) : {});

  const repository = await openRepository({ root, flock: () => true });
  await repository.recover(repository.lock("exclusive", holder), (catalog) => reconcile(root, catalog));
  expect(await readdir(join(root, ".staging")), `${where}, afterwards`).toEqual([]);
  const ids = there ? [olderId, newerId] : [olderId];
  expect(await repository.readCatalog(), `${where}, afterwards`).toBe(
    ids.map((id) => `${catalogLineOf(id)}\n`).join(""),
  );
  expect((await readdir(root)).toSorted(), `${where}, afterwards`).toEqual(
    [".staging", "catalog", "locks", "receipts", "reports", ...ids].toSorted(),
  );
  if (!there) await makeRestorePoint(root, newerId); // the next run is as if nothing had been
  expect(await contentsOf(root, newerId), `${where}, afterwards`).toEqual(wholeContents(newerId));
  return there ? "whole" : "absent";
}

it.for([{ torn: false }, { torn: true }])(
  "survives an end before every step (torn writes: $torn)",
  async ({ torn }) => {
    const renameStep = steps.findIndex(({ action, to }) => action === "rename" && to?.endsWith(newerId));
    expect(renameStep).toBeGreaterThan(20);
    for (let dieAt = 0; dieAt < steps.length; dieAt += 1) {
      const root = await copyOfBefore();
      await expect(makeRestorePoint(root, newerId, createDyingIo(realIo, { dieAt, torn }))).rejects.toThrow("has died");
      expect(await checkAfterCrash(root, steps[dieAt])).toBe(dieAt <= renameStep ? "absent" : "whole");
      await rm(root, { recursive: true });
    }
  },
);

it("survives SIGKILL at any step", { timeout: 60_000 }, async () => {
  const child = join(import.meta.dirname, "crash-child.ts");
  for (let dieAt = 0; dieAt < steps.length; dieAt += 5) {
    const root = await copyOfBefore();
    const { signal, stderr } = spawnSync(process.execPath, [child, root, String(dieAt), "torn"], { encoding: "utf8" });
    expect(signal, `killed: ${stderr}`).toBe("SIGKILL");
    await checkAfterCrash(root, steps[dieAt]);
    await rm(root, { recursive: true });
  }
});

/** Follows which files and folders have changes that a power failure would take back. */
function createDurability(): { dirty: Set<string>; apply: (step: Step) => void } {
  const dirty = new Set<string>();
  return {
    dirty,
    apply({ action, path, to }) {
      if (action === "sync" || action === "syncFolder") dirty.delete(path);
      else if (action === "write" || action === "truncate" || action === "append") dirty.add(path);
      else dirty.add(dirname(to ?? path));
      if (action === "create") dirty.add(path);
      if (action === "rename") dirty.add(dirname(path));
      if (action === "remove" || action === "unlink" || action === "rename") {
        for (const one of dirty) if (one === path || one.startsWith(`${path}/`)) dirty.delete(one);
      }
    },
  };
}

it("has everything flushed before the rename, the rename before the catalog, and in the end all of it", () => {
  const { dirty, apply } = createDurability();
  const dirtyAt: Record<string, string[]> = {};
  for (const step of steps) {
    const inStaging = [...dirty].filter((path) => path.includes(`.staging/${newerId}`));
    if (step.action === "rename" && step.to?.endsWith(newerId) === true) dirtyAt["rename"] = inStaging;
    if (step.action === "append" && step.path.endsWith("backups.jsonl")) dirtyAt["catalog"] = [...dirty];
    apply(step);
  }
  expect(dirtyAt).toEqual({ rename: [], catalog: [] });
  // What is left is the receipt's temporary name, whose removal nobody has to remember.
  expect([...dirty].filter((path) => !path.endsWith("/receipts"))).toEqual([]);
});
