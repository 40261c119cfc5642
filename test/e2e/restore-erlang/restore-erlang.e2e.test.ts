import { parseReceipt, type Receipt } from "@erlmcp/manifest";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack, type Stack, type TableDigest } from "../sample/stack.ts";
import { openBackupJob, type BackupJob } from "../support/job.ts";

/** Mnesia alone, on a cluster of two: one table into the running nodes, and all of it where its definition has changed. */

const project = `erlmcp-restore-erlang-${process.pid}`;
const nodes = ["erlmcp", "erlmcp2"];
let stack: Stack;
let job: BackupJob;
let id: string;

beforeAll(async () => {
  stack = await startStack(project, nodes, { SAMPLE_ROWS: "100", SAMPLE_WRITERS: "0" });
  job = await openBackupJob(project);
  id = String((await job.receipt(["full", "--only=mnesia"])).backup_id);
});

afterAll(async () => {
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const post = (service: string, path: string) => stack.control(service, "POST", path);

/** What both nodes say of their Mnesia. */
async function mnesia(): Promise<Record<string, TableDigest>> {
  const found: Record<string, TableDigest> = {};
  for (const node of nodes) {
    for (const table of await stack.fingerprint(node)) {
      if (table.component === "mnesia") found[`${node} ${table.name}`] = table;
    }
  }
  return found;
}

async function restore(...args: string[]): Promise<Receipt> {
  const { exitCode, stdout, stderr } = await job.restore([...args, "--json"]);
  if (exitCode !== 0) throw new Error(`restore ${args.join(" ")}: exit status ${exitCode}: ${stderr}`);
  return parseReceipt(Buffer.from(`${stdout}\n`));
}

const started = async () => stack.inside("erlmcp", "stat", "--format=%Y", "/proc/1");

it("brings single tables back into the running cluster, all fragments and each node's own rows", async () => {
  const before = await mnesia();
  const since = await started();
  await post("erlmcp", "/rows?op=delete&table=account&count=40&from=11");
  await post("erlmcp", "/rows?op=update&table=metric&count=30&from=1&version=9");
  await post("erlmcp", "/rows?op=delete&table=event&count=20");
  await post("erlmcp2", "/rows?op=delete&table=node_setting&count=5");
  const ram = await job.restore([id, "--table=mnesia:wallet"]);
  expect(ram).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("lives in memory alone") });
  const tables = ["account", "metric", "event", "node_setting"].map((table) => `--table=mnesia:${table}`);
  const receipt = await restore(id, ...tables, "--table=mnesia:wallet", "--accept-ram-tables");
  expect(await mnesia()).toEqual(before);
  expect(await started()).toBe(since);
  expect(receipt.details["restarted"]).toEqual([]);
  expect(receipt.details["compared"]).toMatchObject([{ component: "mnesia", equal: 9, differences: [] }]);
});

it("restores all of Mnesia over another schema only when that is accepted, and compares what came of it", async () => {
  const before = await mnesia();
  await post("erlmcp", "/table?op=create&table=added&rows=3");
  await post("erlmcp", "/table?op=delete&table=vacant");
  const refused = await job.restore([id]);
  expect(refused.exitCode).toBe(5);
  expect(refused.stderr).toContain("Mnesia table added, 3 rows, is not in the restore point: it would go");
  expect(refused.stderr).toContain("Mnesia table vacant is not there now: it would come back");
  const receipt = await restore(id, "--accept-schema-change");
  expect(await mnesia()).toEqual(before);
  expect(receipt.details["compared"]).toMatchObject([{ component: "mnesia", equal: 18, differences: [] }]);
});
