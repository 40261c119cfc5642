import { parseReceipt } from "@erlmcp/manifest";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack } from "../sample/stack.ts";
import { imageOf, openBackupJob } from "../support/job.ts";
import { startLoneVolume } from "../support/lone-volume.ts";
import { openLab, type Ending, type Lab } from "./ended-runs.ts";

const project = `erlmcp-kill-${process.pid}`;
let lab: Lab;

beforeAll(async () => {
  lab = await openLab(project);
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
});

const mostTries = 6;

// A sample of what kill.soak.test.ts does: quiescing comes in the last third of a run. One that ended before it was hit
// proves nothing, so the next one is hit earlier.
it.each<[number, Ending]>([
  [0.35, "kill launcher"],
  [0.5, "kill worker"],
  [0.6, "kill source"],
  [0.7, "terminate launcher"],
  [0.8, "remove worker"],
  [0.9, "kill launcher"],
])("a run ended at %f of its time (%s) leaves a sound repository and running services", async (fraction, ending) => {
  const hits: boolean[] = [];
  for (let at = fraction; hits.length < mostTries && !hits.includes(true); at *= 0.8) {
    const { hit, text } = await lab.endAt(at, ending);
    console.log(text);
    hits.push(hit);
    await expect(lab.checkAfter()).resolves.toBeUndefined();
  }
  expect(hits).toContain(true);
});

it("a disk that is full at the catalog line, the restore point being saved, ends the run with 0 and a warning", async () => {
  const own = `${project}-line`;
  const job = await openBackupJob(own);
  await using source = await startLoneVolume(own, { script: "echo data > file" });
  const full = `${own}-full-disk`;
  const tiny = ["--driver", "local", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=4k"];
  await execa("docker", ["volume", "create", ...tiny, full]);
  const mount = ["--volume", `${full}:/full`, "--entrypoint", "sh", imageOf("backup")];
  const fill = "head -c 4096 /dev/zero > /full/.full; touch /tmp/ready; exec sleep 600";
  const holder = await execa("docker", ["run", "--detach", "--rm", ...mount, "-c", fill]);
  try {
    await execa("docker", ["exec", holder.stdout, "sh", "-c", "until [ -e /tmp/ready ]; do sleep 0.05; done"]);
    const root = "/var/lib/erlmcp/backups";
    const mounts = ["catalog", "receipts"].flatMap((folder) => ["--volume", `${full}:${root}/${folder}`]);
    const run = await job.runWith(mounts, ["full", "--json"]);
    expect(run.stderr).toContain("the catalog lacks the line of this restore point");
    expect(run.stderr).toContain("receipts/ lacks the receipt of this run");
    expect(run.exitCode).toBe(0);
    const { backup_id: id } = parseReceipt(Buffer.from(`${run.stdout}\n`));
    await job.inRepository(`cd ${id} && sha256sum -c --quiet checksums.sha256`);
    expect((await job.run(["--list"])).stdout).toContain(id);
    expect((await job.run(["--cleanup-only"])).exitCode).toBe(0);
    expect(await job.inRepository("cat catalog/backups.jsonl")).toContain(id);
    expect(source.name).toContain(own);
  } finally {
    await execa("docker", ["rm", "--force", holder.stdout]);
    await execa("docker", ["volume", "rm", full]);
    await job[Symbol.asyncDispose]();
  }
});

it("a full disk ends the run with 1 and leaves the repository as it was", async () => {
  const own = `${project}-full`;
  const stack = await startStack(own, ["erlmcp"], { SAMPLE_ROWS: "10000", SAMPLE_WRITERS: "0" });
  const job = await openBackupJob(own, [
    "--driver",
    "local",
    "--opt",
    "type=tmpfs",
    "--opt",
    "device=tmpfs",
    "--opt",
    "o=size=600k",
  ]);
  // A tmpfs lives as long as something has it mounted.
  const holder = await execa("docker", [
    "run",
    "--detach",
    "--rm",
    "--volume",
    `${job.volume}:/repository`,
    "--entrypoint",
    "sleep",
    imageOf("backup"),
    "600",
  ]);
  try {
    const { exitCode, stderr } = await job.run(["full"]);
    expect(stderr).toContain('"code":"DISK_FULL"');
    expect(exitCode).toBe(1);
    expect(await job.inRepository("ls -A .staging; ls -d erlmcp_* 2>/dev/null || :")).toBe("");
    expect(await job.receipt(["full", "--only=config"])).toMatchObject({ complete: true });
  } finally {
    await execa("docker", ["rm", "--force", holder.stdout]);
    await job[Symbol.asyncDispose]();
    await stack[Symbol.asyncDispose]();
  }
});
