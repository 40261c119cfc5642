import { fileURLToPath } from "node:url";
import { parseReceipt } from "@erlmcp/manifest";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openBackupJob, type BackupJob } from "../support/job.ts";

const project = `erlmcp-faults-${process.pid}`;
const composeFile = fileURLToPath(new URL("compose.yaml", import.meta.url));
const url = `http://${project}-web-1:8080/ok`;
let job: BackupJob;
/** Restore points: without what the health check wants, and without what HEALTH_URL wants. */
const points = { unwell: "", silent: "" };

const compose = async (...args: string[]): Promise<string> => {
  const options = ["compose", "--project-name", project, "--file", composeFile];
  return (await execa("docker", [...options, ...args], { stdin: "ignore" })).stdout;
};
const inside = (script: string): Promise<string> => compose("exec", "--no-TTY", "web", "sh", "-c", script);

/** Every file with its content, owner, mode and time. */
const state = (): Promise<string> => inside("cd /srv/data && stat -c '%n %u %a %y' * && grep -r . . | sort");
const started = async (): Promise<string> =>
  (await execa("docker", ["inspect", "--format", "{{.State.StartedAt}}", `${project}-web-1`])).stdout;

async function full(): Promise<string> {
  return String((await job.receipt(["full"])).backup_id);
}

/** The receipt that the last restore left in the repository. */
async function lastReceipt() {
  return parseReceipt(Buffer.from(`${await job.inRepository("cat $(ls receipts/*_restore_* | tail -n 1)")}\n`));
}

beforeAll(async () => {
  await compose("build", "--quiet");
  await compose("up", "--detach");
  job = await openBackupJob(project);
  await inside("cd /srv/data && echo old >content && touch ok && echo 1 >gone-since");
  points.unwell = await full();
  await inside("cd /srv/data && rm ok && touch well");
  points.silent = await full();
  await inside("cd /srv/data && echo new >content && touch ok && rm gone-since && echo 2 >since");
  // The job's containers are in another network than what they ask.
  await execa("docker", ["network", "connect", `${project}-job_default`, `${project}-web-1`]);
});

afterAll(async () => {
  await compose("down", "--volumes", "--timeout", "1");
  await job[Symbol.asyncDispose]();
});

it("puts back what was there when a container's health check fails on what was restored", async () => {
  const before = await state();
  const ended = await job.restore([points.unwell]);
  expect(ended.exitCode).toBe(1);
  expect(ended.stderr).toMatch(/web-1 is not well after its start: its health check fails/);
  expect(ended.stderr).toContain("The system was put back as it was. It was done from erlmcp_");
  expect(await state()).toBe(before);
  const receipt = await lastReceipt();
  expect(receipt).toMatchObject({ exit_code: 1, error: { code: "FAILED" } });
});

it("puts back what was there when HEALTH_URL does not answer as it should in time", async () => {
  const before = await state();
  const ended = await job.restore([points.silent], { HEALTH_URL: url, HEALTH_TIMEOUT: "3" });
  expect(ended.exitCode).toBe(1);
  expect(ended.stderr).toContain("HEALTH_URL does not say that all is well: status 404");
  expect(ended.stderr).toContain("The system was put back as it was. It was done from erlmcp_");
  expect(await state()).toBe(before);
});

it("takes away a file that was restored where none was, when it puts back", async () => {
  await inside("rm /srv/data/ok"); // was and will be unwell: that keeps nobody from putting back what was there
  const before = await state();
  const ended = await job.restore([points.silent, "--path=data:gone-since"], { HEALTH_URL: url, HEALTH_TIMEOUT: "6" });
  expect(ended.exitCode).toBe(1);
  expect(ended.stderr).toContain("put back, but HEALTH_URL does not say that all is well");
  expect(ended.stderr).toContain("The system was put back as it was. It was done from erlmcp_");
  expect(await state()).toBe(before);
});

it("restores what is well, and tells what it has compared", async () => {
  await inside("touch /srv/data/ok");
  const ended = await job.restore([points.silent, "--path=data:content"], { HEALTH_URL: url });
  expect(ended).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("1 files, folders and links as in the") });
  expect(await inside("cat /srv/data/content /srv/data/since")).toBe("old\n2");
});

it("refuses a HEALTH_URL that can only be the job's own container, before anything is stopped", async () => {
  const before = await started();
  const ended = await job.restore([points.silent], { HEALTH_URL: "http://localhost:9090/health" });
  expect(ended.exitCode).toBe(2);
  expect(ended.stderr).toContain("HEALTH_URL names the restore job's own container");
  expect((await job.restore([points.silent], { HEALTH_URL: "web:8080" })).exitCode).toBe(2);
  expect(await started()).toBe(before);
});
