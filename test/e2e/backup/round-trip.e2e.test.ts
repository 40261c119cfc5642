import { basename } from "node:path";
import type { TableEntry } from "@erlmcp/entry";
import type { RestorePoint } from "@erlmcp/restore-point";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changeEverything, databaseText, observe } from "../sample/state.ts";
import { startStack, type Stack, type TableDigest } from "../sample/stack.ts";
import { openBackupJob, type BackupJob } from "../support/job.ts";
import { contentOf, describeTree, entriesOf, openCopy, tableDigest, type PathFacts } from "../support/restore-point.ts";

const project = `erlmcp-round-trip-${process.pid}`;
let stack: Stack;
let job: BackupJob;

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "postgres", "postgres-load", "files"], {
    SAMPLE_ROWS: "300",
    SAMPLE_FILES_SMALL: "200",
    SAMPLE_FILES_LARGE_MB: "40", // several packs,
    SAMPLE_FILES_GROW: "0",
  });
  job = await openBackupJob(project);
  await stack.control("erlmcp", "POST", "/writer/quiesce");
  await stack.inside("postgres-load", "sample-load", "quiesce");
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const key = ({ component, name, rows, digest }: Pick<TableDigest, "component" | "name" | "rows" | "digest">) =>
  `${component} ${name} ${rows} ${digest}`;

/** Name, rows and digest of each captured table, in the words of the application's fingerprint. */
async function capturedTables(point: RestorePoint): Promise<string[]> {
  const found: string[] = [];
  for (const component of ["ets", "dets", "mnesia"] as const) {
    for (const entries of (await entriesOf(point, component)).values()) {
      for (const entry of entries) {
        if (entry.kind !== "table" || (component === "mnesia" && entry.path === "schema")) continue;
        found.push(key({ component, name: tableName(entry), ...(await tableDigest(point, entry)) }));
      }
    }
  }
  return found.toSorted();
}

function textOfFact(fact: unknown): string {
  if (typeof fact !== "string") throw new Error(`${JSON.stringify(fact)} is no text`);
  return fact;
}

/** The application calls a closed DETS file by its name, and a table whose name is a binary by its text. */
function tableName({ path, facts }: TableEntry): string {
  if (typeof path === "string" && path.startsWith("files/")) return basename(decodeURIComponent(path), ".dets");
  return textOfFact(facts["name"]).replace(/^<<"(.*)">>$/, "$1");
}

function byPath(a: PathFacts, b: PathFacts): number {
  return a.path < b.path ? -1 : 1;
}

async function compareTrees(point: RestorePoint, trees: ReadonlyMap<string, PathFacts[]>): Promise<void> {
  const captured = await entriesOf(point, "volumes");
  for (const [volume, expected] of trees) {
    const entries = captured.get(`${project}_files-${volume}`) ?? [];
    const described = await describeTree(point, entries);
    expect(described.toSorted(byPath)).toEqual(expected.toSorted(byPath));
  }
}

async function comparePostgres(point: RestorePoint): Promise<void> {
  const [entries = []] = (await entriesOf(point, "postgres")).values();
  const dumps = entries.flatMap((entry) => (entry.kind === "dump" ? [entry] : []));
  for (const database of ["erlmcp", "reports", "legacy", "Übung čšž", "vacant"]) {
    const dump = dumps.find(({ path }) => path === `databases/${database}`);
    if (dump === undefined)
      throw new Error(`${database} is not among ${dumps.map(({ path }) => JSON.stringify(path)).join(", ")}`);
    const restored = "restored_copy";
    const archive = await contentOf(point, dump);
    const like = `TEMPLATE template0 ENCODING '${textOfFact(dump.facts["encoding"])}' LOCALE_PROVIDER libc LOCALE 'C'`;
    await stack.inside("postgres", "psql", "--username=postgres", "-c", `CREATE DATABASE ${restored} ${like}`);
    const container = (await stack.compose("ps", "--quiet", "postgres")).trim();
    const restore = ["pg_restore", "--username=postgres", "--exit-on-error", `--dbname=${restored}`];
    await execa("docker", ["exec", "--interactive", container, ...restore], { input: archive });
    const copy = await databaseText(stack, restored);
    expect(copy.length).toBeGreaterThan(100);
    const original = await databaseText(stack, database);
    expect(copy).toBe(original);
    await stack.inside("postgres", "psql", "--username=postgres", "-c", `DROP DATABASE ${restored}`);
  }
}

/** @param withPostgres its databases are restored and compared too, which takes longest */
async function compareAll(id: string, withKey: Buffer | undefined, withPostgres: boolean): Promise<void> {
  const expected = await observe(stack);
  const repository = await job.copyOut();
  const point = await openCopy(repository, id, withKey);
  try {
    expect(await capturedTables(point)).toEqual(expected.tables.map(key).toSorted());
    await compareTrees(point, expected.trees);
    if (withPostgres) await comparePostgres(point);
  } finally {
    await point.close();
  }
}

describe.each([
  { name: "plain", round: 0, cipher: undefined },
  { name: "aes-256-gcm", round: 1, cipher: "aes-256-gcm" },
  { name: "aes-256-cbc", round: 2, cipher: "aes-256-cbc" },
] as const)("a $name repository", ({ round, cipher }) => {
  it("gives back what the sources say they hold, from a full and from incrementals", { timeout: 280_000 }, async () => {
    const env = cipher === undefined ? {} : job.encrypted(cipher);
    const withKey = cipher === undefined ? undefined : job.key;
    const full = await job.receipt(["full"], env);
    expect(full).toMatchObject({ backup_type: "full", complete: true, cipher: cipher ?? "none" });
    await compareAll(String(full.backup_id), withKey, cipher === undefined);

    await changeEverything(stack, round, round > 0 ? round - 1 : undefined);
    const incremental = await job.receipt(["incremental"], env);
    expect(incremental).toMatchObject({ backup_type: "incremental", base: full.backup_id, complete: true });
    expect(incremental.sizes?.stored_bytes).toBeLessThan((full.sizes?.stored_bytes ?? 0) / 3);
    await compareAll(String(incremental.backup_id), withKey, true);

    const unchanged = await job.receipt(["incremental"], env);
    expect(unchanged).toMatchObject({ backup_type: "incremental", base: full.backup_id, complete: true });
    await compareAll(String(unchanged.backup_id), withKey, false);
    const [first = 0, last = 0] = [full, unchanged].map(({ sizes }) => sizes?.stored_bytes ?? 0);
    expect(last).toBeLessThan(first / 20);
  });
});

it("every restore point passes sha256sum -c", async () => {
  const script =
    "for point in erlmcp_*; do (cd $point && sha256sum -c --quiet checksums.sha256 && echo ok) || exit 1; done";
  const points = (await job.inRepository("ls -d erlmcp_*")).split("\n");
  expect(points).toHaveLength(9);
  expect((await job.inRepository(script)).split("\n")).toEqual(points.map(() => "ok"));
});
