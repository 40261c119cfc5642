import { afterAll, beforeAll, expect, it } from "vitest";
import { changeEverything } from "../sample/state.ts";
import { startStack, type Stack } from "../sample/stack.ts";
import { openBackupJob, type BackupJob } from "../support/job.ts";

const project = `erlmcp-time-${process.pid}`;
const incrementals = 100;
const timed = [1, 10, 100];
const rounds = 3;
let stack: Stack;
let job: BackupJob;

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "postgres", "files"], {
    SAMPLE_ROWS: "300000", // 40 MB of Mnesia: what is read outweighs what is stopped and started
    SAMPLE_WRITERS: "0",
    SAMPLE_FILES_SMALL: "3000",
    SAMPLE_FILES_LARGE_MB: "100",
    SAMPLE_FILES_GROW: "0",
  });
  job = await openBackupJob(project);
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

async function secondsOf(id: string): Promise<number> {
  const begun = performance.now();
  const { exitCode, stderr } = await job.restore([
    id,
    "--no-safety-backup",
    "--skip-verification",
    "--accept-schema-change",
  ]);
  if (exitCode !== 0) throw new Error(stderr);
  return (performance.now() - begun) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

it(`takes as long to restore incremental ${timed.join(", ")} of ${incrementals}`, async () => {
  const ids = [String((await job.receipt(["full"])).backup_id)];
  for (let round = 0; round < incrementals; round += 1) {
    await changeEverything(stack, round, round > 0 ? round - 1 : undefined);
    const query = `op=scatter&component=mnesia&table=account&count=300&every=${997 + round}&version=${round + 2}`;
    await stack.control("erlmcp", "POST", `/rows?${query}`);
    ids.push(String((await job.receipt(["incremental"])).backup_id));
  }
  const seconds = new Map<number, number[]>(timed.map((at) => [at, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, list] of seconds) list.push(await secondsOf(ids[at] ?? "")); // in turn: whatever else goes on hits all
  }
  const medians = timed.map((at) => median(seconds.get(at) ?? []));
  console.log(`seconds to restore: ${timed.map((at, n) => `${at}: ${medians[n]?.toFixed(1) ?? ""}`).join(", ")}`);
  expect(Math.max(...medians) / Math.min(...medians)).toBeLessThan(1.2);
});
