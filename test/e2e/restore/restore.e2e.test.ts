import { parseReceipt } from "@erlmcp/manifest";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changeEverything, databaseText, observe } from "../sample/state.ts";
import { startStack, type Stack, type TableDigest } from "../sample/stack.ts";
import { openBackupJob, type BackupJob } from "../support/job.ts";

const project = `erlmcp-restore-${process.pid}`;
const encrypted = () => job.encrypted("aes-256-gcm");
let stack: Stack;
let job: BackupJob;

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "postgres", "files"], {
    SAMPLE_ROWS: "300",
    SAMPLE_WRITERS: "0", // also after a restart: what was restored is compared
    SAMPLE_FILES_SMALL: "200",
    SAMPLE_FILES_LARGE_MB: "40",
    SAMPLE_FILES_GROW: "0",
  });
  job = await openBackupJob(project);
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const databases = ["erlmcp", "reports", "legacy", "Übung čšž", "vacant"];

/** The whole installation, as its own programs tell it. */
async function everything() {
  const { tables, trees } = await observe(stack);
  const config = await stack.inside(
    "erlmcp",
    "sh",
    "-c",
    "cd /etc/erlmcp && find . -type f | sort | xargs -d '\\n' sha256sum",
  );
  const texts: Record<string, string> = {};
  for (const database of databases) texts[database] = await databaseText(stack, database);
  return {
    tables: Object.fromEntries(
      tables.map((table) => [`${table.component} ${table.name} ${table.rows}`, comparable(table)]),
    ),
    trees: Object.fromEntries(trees),
    config,
    databases: texts,
  };
}

/** Another VM writes closures otherwise: of the table that holds some only the rows are compared. */
function comparable(table: TableDigest): TableDigest {
  return table.name === "erlmcp_handles" ? { ...table, digest: "" } : table;
}

/** Tables of Mnesia were made and dropped since. */
const accept = "--accept-schema-change";

async function restore(args: readonly string[], env: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await job.restore([...args, "--json"], env);
  if (exitCode !== 0) throw new Error(`restore ${args.join(" ")}: exit status ${exitCode}: ${stderr}`);
  return parseReceipt(Buffer.from(`${stdout}\n`));
}

describe("a system that goes on changing", () => {
  it("is brought back to a full and to an incremental, all of it", { timeout: 280_000 }, async () => {
    const full = await job.receipt(["full"], encrypted());
    const first = await everything();
    await changeEverything(stack, 0);
    const incremental = await job.receipt(["incremental"], encrypted());
    const second = await everything();
    expect(second).not.toEqual(first);

    await changeEverything(stack, 1, 0);
    const back = await restore([String(full.backup_id), accept], encrypted());
    expect(await everything()).toEqual(first);
    expect(back).toMatchObject({ service: "restore", exit_code: 0, backup_id: full.backup_id });
    expect(back.details["safety_backup"]).toMatch(/^erlmcp_incremental_/);

    await restore([String(incremental.backup_id), accept], encrypted());
    expect(await everything()).toEqual(second);
  });
});

/** Runs a restore until its log says so, then sends its worker a signal. */
function interrupted(args: readonly string[], at: RegExp, signal: string) {
  return job.restoreUntil(args, at, async () => {
    const filters = ["--filter", "label=erlmcp.job=restore", "--filter", `volume=${job.volume}`];
    const worker = (await execa("docker", ["ps", "--quiet", "--no-trunc", ...filters])).stdout.trim();
    await execa("docker", ["kill", "--signal", signal, worker]);
  });
}

describe("a restore that is ended half-way", () => {
  it("puts back what was there when it is told to stop", { timeout: 200_000 }, async () => {
    const { backup_id } = await job.receipt(["full"]);
    await changeEverything(stack, 2, 0);
    const before = await everything();
    const ended = await interrupted([String(backup_id), accept], /"dets".*restoring/, "TERM");
    expect(ended.exitCode).toBe(143);
    expect(ended.stderr).toContain("The system was put back as it was");
    expect(await everything()).toEqual(before);
  });

  it.each(["--abort", "--resume"])(
    "is finished or undone by %s when it was killed",
    { timeout: 200_000 },
    async (how) => {
      const full = await job.receipt(["full"]);
      const then = await everything();
      await changeEverything(stack, how === "--abort" ? 3 : 4);
      const before = await everything();
      const ended = await interrupted([String(full.backup_id), accept], /"mnesia".*restoring/, "KILL");
      expect(ended.exitCode).toBe(1);
      expect(ended.stderr).toContain("restore --resume");
      const again = await job.restore([String(full.backup_id)]);
      expect(again).toMatchObject({ exitCode: 6, stderr: expect.stringContaining("was cut off") });
      await restore([how]);
      expect(await everything()).toEqual(how === "--abort" ? before : then);
      expect(await job.restore([how])).toMatchObject({ exitCode: 5 });
    },
  );
});
