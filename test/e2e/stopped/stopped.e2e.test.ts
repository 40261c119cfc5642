import { setTimeout as delay } from "node:timers/promises";
import { parseReceipt } from "@erlmcp/manifest";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { imageOf, openBackupJob, type BackupJob, type JobRun, type Service } from "../support/job.ts";
import { startLoneVolume, type LoneVolume } from "../support/lone-volume.ts";

const project = `erlmcp-stopped-${process.pid}`;
let job: BackupJob;
let source: LoneVolume;
let runs = 0;

beforeAll(async () => {
  job = await openBackupJob(project);
  source = await startLoneVolume(project, { script: "head -c 3000000 /dev/urandom > file" });
  await job.receipt(["full"]);
});
afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await job[Symbol.asyncDispose]();
});

type Signal = "INT" | "TERM";
const status = { INT: 130, TERM: 143 } as const;
const code = { INT: "INTERRUPTED", TERM: "TERMINATED" } as const;
const commands: Record<Service, readonly string[]> = {
  backup: ["full"],
  restore: ["latest", "--no-safety-backup"],
  verify: ["all"],
};
const cases = (["backup", "restore", "verify"] as const).flatMap((service) =>
  (["INT", "TERM"] as const).map((signal): [Service, Signal] => [service, signal]),
);

/** Starts a job and gives its container as soon as the engine calls it running. */
async function begin(service: Service, args: readonly string[]): Promise<{ name: string; ended: Promise<JobRun> }> {
  runs += 1;
  const name = `${project}-run-${runs}`;
  const ended = job.runWith(["--name", name], args, service);
  const inspect = ["inspect", "--type", "container", "--format", "{{.State.Running}}", name];
  while ((await execa("docker", inspect, { reject: false })).stdout !== "true") await delay(10);
  return { name, ended };
}

/** Waits in the container's own process numbers until its Node listens for the signal, then sends it, as `docker stop` does. */
async function signalWhenHeard(name: string, signal: Signal): Promise<void> {
  const bit = signal === "INT" ? 0x2 : 0x4000;
  const script = `heard() {
  for status in /proc/[0-9]*/status; do
    caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "$status" 2>/dev/null)
    name=$(sed -n 's/^Name:[[:space:]]*//p' "$status" 2>/dev/null)
    case $name in node*) [ $((0x$caught & ${bit})) != 0 ] && return 0 ;; esac
  done
  return 1
}
until heard; do sleep 0.02; done
kill -s ${signal} 1`;
  const helper = ["run", "--rm", "--pid", `container:${name}`, "--entrypoint", "sh", imageOf("backup"), "-c", script];
  await execa("docker", helper, { reject: false }); // it ends with the process numbers that it is in
  await execa("docker", ["update", "--cpus", "2", name], { reject: false }); // if it is still there
}

it.each(cases)("%s that gets SIG%s the moment it starts does not go on", async (service, signal) => {
  const points = await job.inRepository("ls -d erlmcp_*");
  const { name, ended } = await begin(service, commands[service]);
  await execa("docker", ["kill", "--signal", signal, name]);
  expect((await ended).exitCode).toBe(status[signal]);
  expect(await job.inRepository("ls -d erlmcp_*")).toBe(points);
});

it.each(cases)("%s that gets SIG%s while it loads says so, and leaves a receipt of it", async (service, signal) => {
  const before = await job.inRepository("ls -d erlmcp_*; ls receipts | wc -l");
  const { name, ended } = await begin(service, [...commands[service], "--json"]);
  await execa("docker", ["update", "--cpus", "0.1", name]); // so that it is still loading when the helper is there
  await signalWhenHeard(name, signal);
  const { exitCode, stdout, stderr } = await ended;
  expect(stderr).toContain(`the ${service} job was stopped: SIG${signal}`);
  expect(exitCode).toBe(status[signal]);
  const told = parseReceipt(Buffer.from(`${stdout}\n`));
  expect(told).toMatchObject({ service, exit_code: status[signal], error: { code: code[signal] } });
  const stored = await job.inRepository("cat receipts/$(ls -t receipts | head -n 1)");
  expect(stored).toBe(stdout);
  const [count = ""] = before.split("\n").slice(-1);
  expect(await job.inRepository("ls -d erlmcp_*; ls receipts | wc -l")).toBe(
    before.replace(new RegExp(`${count}$`), String(Number(count) + 1)),
  );
});
