import { fileURLToPath } from "node:url";
import { parseReceipt, type Receipt } from "@erlmcp/manifest";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startStack, type Stack } from "../sample/stack.ts";
import { imageOf, openBackupJob, type BackupJob, type JobRun } from "../support/job.ts";

const project = `erlmcp-exits-${process.pid}`;
const jobMain = fileURLToPath(new URL("../../../jobs/backup/src/main.ts", import.meta.url));
let stack: Stack;
let job: BackupJob;

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "postgres"], { SAMPLE_ROWS: "50", SAMPLE_WRITERS: "0" });
  job = await openBackupJob(project);
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

/** The one line that says what failed, why and what to do next. */
function errorOf({ stderr }: JobRun): { code: string; msg: string; hint: string | undefined } {
  const errors = stderr.split("\n").flatMap((line) => {
    const parsed = line.startsWith("{") ? JSON.parse(line) : {};
    return parsed.level === 50 && typeof parsed.code === "string" ? [parsed] : [];
  });
  expect(errors).toHaveLength(1);
  return errors[0];
}

async function newestReceipt(): Promise<Receipt> {
  const text = await job.inRepository("cat receipts/$(ls -t receipts | head -n 1)");
  return parseReceipt(Buffer.from(`${text}\n`));
}

interface Refusal {
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly exit: number;
  readonly code: string;
  readonly message: string;
}

const refusals: Refusal[] = [
  { args: ["--frobnicate"], exit: 2, code: "USAGE", message: "unknown option '--frobnicate'" },
  { args: ["differential"], exit: 2, code: "USAGE", message: "Allowed choices are full, incremental, compliance" },
  { args: ["--only=redis"], exit: 2, code: "USAGE", message: '"redis" is none of ets, dets, mnesia' },
  {
    args: ["full"],
    env: { COMPRESSION_LEVEL: "max", ENCRYPT_CIPHER: "rot13" },
    exit: 2,
    code: "CONFIG_INVALID",
    message: 'ENCRYPT_CIPHER: must be "aes-256-gcm" or "aes-256-cbc"; COMPRESSION_LEVEL: must be a whole number',
  },
  { args: ["full"], env: { S3_BUCKET: "offsite" }, exit: 2, code: "CONFIG_INVALID", message: "cannot upload" },
  {
    args: ["full"],
    env: { DOCKER_SOCKET: "/dev/null" },
    exit: 2,
    code: "ENGINE_UNREACHABLE",
    message: "no Docker engine",
  },
  {
    args: ["full"],
    env: { BACKUP_PROJECT: "nobody-here" },
    exit: 5,
    code: "NOT_FOUND",
    message: "nothing was found to back up in the Compose project nobody-here",
  },
  {
    args: ["full"],
    env: { ENCRYPT_KEY_FILE: "/run/secrets/none" },
    exit: 7,
    code: "KEY_MISSING",
    message: "the key file /run/secrets/none cannot be read",
  },
  {
    args: ["full"],
    env: { ENCRYPT_KEY_FILE: "/dev/null" },
    exit: 7,
    code: "KEY_MISSING",
    message: "/dev/null is empty",
  },
];

it.each(refusals)("backup $args with $env ends with $exit", async ({ args, env, exit, code, message }) => {
  const run = await job.run([...args, "--json"], env);
  const error = errorOf(run);
  expect(error).toMatchObject({ code });
  expect(error.msg).toContain(message);
  expect(error.hint?.length).toBeGreaterThan(10);
  expect(run.exitCode).toBe(exit);
  const receipt = await newestReceipt();
  expect(receipt).toMatchObject({ exit_code: exit, backup_id: null, error: { code } });
  expect(parseReceipt(Buffer.from(`${run.stdout}\n`))).toEqual(receipt);
});

it("refuses a mistyped name of the key file's setting", async () => {
  const { exitCode, stderr } = await job.runWith(["-e", "ENCRYPT_KEYFILE=/k"], ["full"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("ENCRYPT_KEYFILE is not a setting");
});

it("refuses to run outside of a container", async () => {
  const command = [jobMain, "full", "--json"];
  const { exitCode, stdout, stderr } = await execa(process.execPath, command, { reject: false, stdin: "ignore" });
  expect(exitCode).toBe(2);
  expect(stderr).toContain("docker compose run --rm JOB");
  expect(JSON.parse(stdout)).toMatchObject({ exit_code: 2, error: { code: "NOT_IN_CONTAINER" }, receipt: null });
});

it("helps, and tells its version, with status 0", async () => {
  const help = await job.run(["--help"]);
  expect(help.exitCode).toBe(0);
  expect(help.stdout).toContain("Usage: backup [options] [type]");
  expect((await job.run(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+$/);
});

describe("with a restore point", () => {
  let full: Receipt;

  beforeAll(async () => {
    full = await job.receipt(["full"], job.encrypted("aes-256-gcm"));
  });

  it("names who holds the lock, with 6", async () => {
    const held = await job.holdLock();
    try {
      const run = await job.run(["full"]);
      expect(errorOf(run).msg).toContain("the repository is locked by");
      expect(run.exitCode).toBe(6);
    } finally {
      await held();
    }
  });

  it("cleans up what a killed run has left, and has a receipt of that", async () => {
    await job.inRepository("mkdir .staging/erlmcp_full_20260101_000000");
    const run = await job.run(["--cleanup-only", "--json"]);
    expect(run.exitCode).toBe(0);
    const receipt = parseReceipt(Buffer.from(`${run.stdout}\n`));
    const notes = ["removed what killed runs had not finished: erlmcp_full_20260101_000000"];
    expect(receipt).toMatchObject({ exit_code: 0, error: null, backup_id: null, notes });
    expect(await newestReceipt()).toEqual(receipt);
    expect(await job.inRepository("ls .staging")).toBe("");
  });

  it("takes another key of the same cipher for another generation", async () => {
    const encrypted = job.encrypted("aes-256-gcm");
    const other = await job.otherKey();
    const receipt = await job.receipt(["incremental", "--only=ets"], { ...encrypted, ERLMCP_KEY_FILE: other });
    expect(receipt).toMatchObject({ backup_type: "full", base: null, cipher: "aes-256-gcm" });
    expect(receipt.notes.join(" ")).toContain("key");
  });

  it("takes a full instead of an incremental when the key is another one, and says so", async () => {
    const plain = await job.receipt(["incremental", "--only=ets"]);
    expect(plain).toMatchObject({ backup_type: "full", base: null, cipher: "none" });
    expect(plain.notes.join(" ")).toContain(`${full.backup_id} has cipher aes-256-gcm, not none`);
  });

  it("changes nothing in a dry run", async () => {
    const hash = "find . -type f -not -path './receipts/*' -exec sha256sum {} + | sort | sha256sum";
    const before = await job.inRepository(hash);
    const run = await job.run(["full", "--dry-run"]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("mnesia");
    expect(await job.inRepository(hash)).toBe(before);
  });

  it("lists what there is, and prints one JSON document with --json", async () => {
    expect((await job.run(["--list"])).stdout).toContain(String(full.backup_id));
    const listed = JSON.parse((await job.run(["--list", "--json"])).stdout);
    expect(listed.points.map((point: { backup_id: string }) => point.backup_id)).toContain(full.backup_id);
  });

  it("keeps secrets out of logs, receipts and the image", async () => {
    const run = await job.run(["full", "--verbose"], job.encrypted("aes-256-gcm"));
    const cookie = await stack.inside("erlmcp", "sh", "-c", "cat ~/.erlang.cookie");
    const password = await stack.inside("postgres", "cat", "/run/postgres-secret/password");
    expect(password.length).toBeGreaterThan(5);
    const receipts = await job.inRepository("cat receipts/*");
    const { stdout: history } = await execa("docker", ["image", "history", "--no-trunc", imageOf("backup")]);
    const said = run.stdout + run.stderr + receipts + history;
    expect(cookie.length).toBeGreaterThan(8);
    for (const secret of [cookie, password.trim(), job.key.toString("hex"), job.key.toString("base64")])
      expect(said).not.toContain(secret);
  });
});

describe("with PostgreSQL stopped", () => {
  beforeAll(async () => {
    await stack.compose("stop", "postgres");
  });
  afterAll(async () => {
    await stack.compose("start", "postgres");
  });

  it("saves the rest, names what is missing, and ends with 3", async () => {
    const run = await job.run(["full", "--json"]);
    expect(run.exitCode).toBe(3);
    const receipt = parseReceipt(Buffer.from(`${run.stdout}\n`));
    expect(receipt).toMatchObject({ exit_code: 3, complete: false, error: { code: "INCOMPLETE" } });
    expect(await newestReceipt()).toEqual(receipt);
    const own = await job.inRepository(`cat ${receipt.backup_id}/receipt.json`);
    expect(parseReceipt(Buffer.from(`${own}\n`))).toEqual(receipt);
    expect(receipt.ledger?.not_read).toEqual([
      {
        component: "postgres",
        source: `${project}-postgres-1`,
        name: `${project}-postgres-1`,
        verdict: "failed",
        reason: `container ${project}-postgres-1 is exited, not running`,
      },
    ]);
  });

  it("ends with 1, and makes no restore point, when nothing at all could be captured", async () => {
    const before = await job.inRepository("ls -d erlmcp_*");
    const run = await job.run(["full", "--only=postgres"]);
    expect(run.exitCode).toBe(1);
    expect(errorOf(run).msg).toContain("nothing could be captured");
    expect(await job.inRepository("ls -d erlmcp_*")).toBe(before);
    expect(await job.inRepository("ls .staging")).toBe("");
  });

  it("tells of a server whose container is gone, which nothing else would notice", async () => {
    const name = `${project}-postgres-1`;
    const { backup_id } = await job.receipt(["full", "--only=config"]);
    await stack.compose("up", "--detach", "--wait", "postgres");
    const before = await job.receipt(["full", "--only=postgres"]);
    await stack.compose("rm", "--stop", "--force", "postgres");
    const { notes } = await job.receipt(["full"]);
    await stack.compose("up", "--detach", "--wait", "postgres");
    expect(notes).toContain(`postgres ${name} was in ${before.backup_id} and is not found any more`);
    expect(notes.join()).not.toContain(String(backup_id));
  });
});
