import { parseReceipt } from "@erlmcp/manifest";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startStack, type Stack } from "../sample/stack.ts";
import { openBackupJob, type BackupJob } from "../support/job.ts";
import { forge, type Forgery } from "./forge.ts";
import { copyIn, openVerifyJob, type VerifyJob } from "./verify-job.ts";

const project = `erlmcp-drill-${process.pid}`;
const forged = "erlmcp_full_20260101_000000";
let stack: Stack;
let job: BackupJob;
let verify: VerifyJob;
let id: string;

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "erlmcp2", "postgres", "files"], {
    SAMPLE_ROWS: "300",
    SAMPLE_PG_ROWS: "300",
    SAMPLE_WRITERS: "0", // the application on the restored data too: nobody changes what is compared
    SAMPLE_FILES_SMALL: "60",
    SAMPLE_FILES_LARGE_MB: "4",
    SAMPLE_FILES_GROW: "0",
  });
  job = await openBackupJob(project);
  verify = await openVerifyJob(project, job);
  id = String((await job.receipt(["full"])).backup_id);
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

/** What drills have made and is still there. */
async function remains(): Promise<string[]> {
  const filter = ["--filter", "label=erlmcp.drill", "--quiet"];
  const lists = await Promise.all([
    execa("docker", ["ps", "--all", ...filter]),
    execa("docker", ["network", "ls", ...filter]),
    execa("docker", ["volume", "ls", ...filter]),
  ]);
  return lists.flatMap(({ stdout }) => stdout.split("\n").filter((line) => line !== ""));
}

/** A job's container: the one that was started, or the one beside it that does the work. */
async function containerOf(kind: "launcher" | "worker"): Promise<string> {
  const label = kind === "worker" ? "label=erlmcp.job=verify" : "label=com.docker.compose.oneoff=True";
  const { stdout } = await execa("docker", [
    "ps",
    "--quiet",
    "--no-trunc",
    "--filter",
    label,
    "--filter",
    `volume=${job.volume}`,
  ]);
  return stdout.trim();
}

const checks = (accounts: string) =>
  JSON.stringify([
    { name: "accounts", erlang: "mnesia:table_info(account, size)", expect: accounts },
    { name: "private tokens", node: "erlmcp2@erlmcp2", erlang: "ets:info(erlmcp_tokens, size).", expect: "300" },
    { name: "money", database: "erlmcp", sql: "SELECT sum(balance_cents) FROM shop.account", expect: "30000000" },
  ]);

describe("a drill of a true restore point", () => {
  it("proves all of it, down to the application that is well on it", { timeout: 200_000 }, async () => {
    const before = await stack.fingerprint("erlmcp");
    const env = { DRILL_CHECKS: checks("300"), HEALTH_URL: "http://erlmcp:9090/health" };
    const { report, exitCode, stderr } = await verify.report([id, "--test-restore", "--boot"], env);
    expect({ exitCode, findings: report.restore_points[0]?.findings, stderr: exitCode === 0 ? "" : stderr }).toEqual({
      exitCode: 0,
      findings: [],
      stderr: "",
    });
    const drill = report.restore_points[0]?.drill;
    expect(drill).toMatchObject({ drilled: true, boot: true, sample: "all" });
    expect(drill?.checks.map(({ ok, found }) => [ok, found])).toEqual([
      [true, "300"],
      [true, "300"],
      [true, "30000000"],
    ]);
    const proven = drill?.proven.map(({ component }) => component).toSorted();
    const held = ["config", "dets", "ets", "mnesia", "postgres", "volumes"];
    expect([...new Set(proven)]).toEqual(held);
    expect(proven?.filter((component) => component === "volumes")).toHaveLength(8);
    expect(drill?.images.every(({ recorded }) => recorded)).toBe(true);
    expect(
      drill?.notes.filter((note) => note.endsWith("its own health check passes on the restored data")),
    ).toHaveLength(2);
    const stages = new Set(drill?.timings.map(({ stage }) => stage));
    expect([...stages].toSorted()).toEqual(["boot", "check", "fetch", "load", "open", "prepare"]);
    expect(drill?.measured_rto_seconds).toBeGreaterThan(1);

    const catalog = await job.inRepository("tail -n 1 catalog/backups.jsonl");
    expect(JSON.parse(catalog)).toMatchObject({
      backup_id: id,
      verified: { findings: 0, drill: { rto_seconds: drill?.measured_rto_seconds, boot: true } },
    });
    const receipt = parseReceipt(
      Buffer.from(`${await job.inRepository(`cat $(ls receipts/*_verify_* | tail -n 1)`)}\n`),
    );
    expect(receipt.details["restore_points"]).toEqual([
      expect.objectContaining({ drilled: true, measured_rto_seconds: drill?.measured_rto_seconds }),
    ]);
    expect(await stack.fingerprint("erlmcp")).toEqual(before);
    expect(await remains()).toEqual([]);
  });

  it("pulls no image and takes no other one for it", async () => {
    const missing = await verify.run([id, "--test-restore"], { DRILL_POSTGRES_IMAGE: "erlmcp.invalid/postgres:1" });
    expect(missing).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("docker pull erlmcp.invalid/postgres:1"),
    });
    const wrong = await verify.run([id, "--test-restore"], {
      DRILL_CHECKS: '[{"name":"a"},{"name":"b","sql":"SELECT 1"}]',
    });
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toMatch(
      /check 1: it has neither sql nor erlang; check 2: .*(database|expect).*(database|expect)/,
    );
    expect(await remains()).toEqual([]);
  });
});

describe("a drill that is ended half-way", () => {
  it("leaves nothing behind when it is told to stop", async () => {
    const ended = await verify.runUntil([id, "--test-restore"], /"postgres".*"restoring"/, async () => {
      await execa("docker", ["kill", "--signal", "TERM", await containerOf("launcher")]);
    });
    expect(ended.exitCode).toBe(143);
    expect(await remains()).toEqual([]);
  });

  it("leaves what the next run removes when it was killed", async () => {
    const ended = await verify.runUntil([id, "--test-restore"], /"postgres".*"restoring"/, async () => {
      const both = [await containerOf("launcher"), await containerOf("worker")];
      await execa("docker", ["kill", "--signal", "KILL", ...both]);
    });
    expect(ended.exitCode).toBe(137);
    expect((await remains()).length).toBeGreaterThan(0);
  });
});

const withMember = (list: unknown, member: object): never[] =>
  JSON.parse(JSON.stringify([...(Array.isArray(list) ? list : []), member]));

/** The first table has one row more than the dump. */
function oneMore(tables: unknown): never[] {
  const [first, ...rest] = Array.isArray(tables) ? tables : [];
  return JSON.parse(JSON.stringify([{ ...first, rows: first.rows + 1 }, ...rest]));
}

const forgery: Forgery = {
  components: ["ets", "mnesia", "postgres"],
  change({ name }, entry, content) {
    const of = typeof entry.path === "string" ? entry.path : "";
    if (entry.kind === "table" && of === "tables/client") return undefined;
    if (entry.kind === "table" && of === "tables/event")
      return { entry: { ...entry, facts: { ...entry.facts, type: "set" } } };
    if (entry.kind === "table" && of === "erlmcp_tools" && name === "erlmcp@erlmcp") {
      return { entry: { ...entry, rows: entry.rows + 1 } };
    }
    if (entry.kind !== "dump") return { entry };
    const { facts } = entry;
    if (facts["name"] === "reports") return { entry, content: content.subarray(0, content.length - 700) };
    if (facts["name"] === "legacy")
      return { entry: { ...entry, facts: { ...facts, tables: oneMore(facts["tables"]) } } };
    if (facts["name"] !== "vacant") return { entry };
    const extension = { name: "nosuch", version: "1.0", schema: "public" };
    return { entry: { ...entry, facts: { ...facts, extensions: withMember(facts["extensions"], extension) } } };
  },
};

describe("a drill of a restore point whose every byte is as it was written", () => {
  it("fails, and names each thing that is wrong", { timeout: 200_000 }, async () => {
    await copyIn(job, await forge(await job.copyOut(), { id, forged }, forgery));
    expect(await verify.run([forged, "--full"])).toMatchObject({ exitCode: 0 }); // nothing but a drill can tell
    const { report, exitCode, stderr } = await verify.report([forged, "--test-restore", "--boot"], {
      DRILL_CHECKS: checks("301"),
    });
    expect(exitCode).toBe(4);
    expect(stderr).toContain("removed what a killed drill had left");
    const found = report.restore_points[0]?.findings.map(({ component, path, what }) => [component, path, what]);
    expect(found).toEqual(
      expect.arrayContaining([
        ["mnesia", "client", "it is defined, and its rows are not in the restore point"],
        ["mnesia", "tables/event", "on erlmcp@erlmcp: its type is bag, not set"],
        ["ets", "erlmcp_tools", "the restore point holds 300 rows of it, and says 301"],
        ["postgres", "databases/reports", expect.stringContaining("reports")],
        ["postgres", "databases/legacy", expect.stringMatching(/has \d+ rows, not \d+/)],
        ["postgres", "databases/vacant", expect.stringContaining("nosuch")],
        [null, null, "check accounts fails: it gives 300, not 301"],
      ]),
    );
    expect(report.restore_points[0]?.drill?.measured_rto_seconds).toBeNull();
    expect(report.restore_points[0]?.drill?.notes).toContain(
      "the application was not started: what it needs is not right",
    );
    expect(await remains()).toEqual([]);
  });
});
