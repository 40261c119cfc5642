import { afterAll, beforeAll, expect, it } from "vitest";
import { changeEverything } from "../sample/state.ts";
import { startStack, type Stack } from "../sample/stack.ts";
import { openBackupJob, type BackupJob } from "../support/job.ts";
import { openVerifyJob, type VerifyJob } from "./verify-job.ts";

const project = `erlmcp-drill-soak-${process.pid}`;
let stack: Stack;
let job: BackupJob;
let verify: VerifyJob;

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "postgres", "files"], {
    SAMPLE_ROWS: "2000",
    SAMPLE_FILES_LARGE_MB: "8",
  });
  job = await openBackupJob(project);
  verify = await openVerifyJob(project, job);
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

it("proves an encrypted full and its incremental, taken under load", { timeout: 600_000 }, async () => {
  const key = job.encrypted("aes-256-gcm");
  const full = await job.receipt(["full"], key);
  await changeEverything(stack, 0);
  const incremental = await job.receipt(["incremental"], key);
  const { report, exitCode } = await verify.report(["all", "--test-restore"], key);
  expect(report.restore_points.map(({ backup_id, findings, drill }) => [backup_id, findings, drill?.drilled])).toEqual([
    [full.backup_id, [], true],
    [incremental.backup_id, [], true],
  ]);
  expect(exitCode).toBe(0);
});

it("fails when the application does not come up", { timeout: 300_000 }, async () => {
  const { backup_id } = await job.receipt(["full"]);
  const image = `${process.env["ERLMCP_SAMPLE_PREFIX"] ?? "erlmcp-sample"}/files:${process.env["ERLMCP_SAMPLE_TAG"] ?? "local"}`;
  const asked = [String(backup_id), "--test-restore", "--boot"];
  const { report, exitCode } = await verify.report(asked, { DRILL_APPLICATION_IMAGE: image });
  expect(exitCode).toBe(4);
  const [point] = report.restore_points;
  expect(point?.findings.map(({ source }) => source)).toEqual(["application"]);
  expect(point?.drill?.measured_rto_seconds).toBeNull();
  expect(point?.drill?.images.map(({ recorded }) => recorded)).toContain(false);
});
