import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openVerifyJob, type VerifyJob } from "../drill/verify-job.ts";
import { databaseText, observe, type Observed } from "../sample/state.ts";
import { startStack, type Stack } from "../sample/stack.ts";
import { imageOf, openBackupJob, type BackupJob } from "../support/job.ts";
import { fingerprint, rescue, rescuedTables, settable } from "./rescued.ts";

const project = `erlmcp-damage-${process.pid}`;
const env = () => job.encrypted("aes-256-gcm");
let stack: Stack;
let job: BackupJob;
let verify: VerifyJob;
let folder: string;
let full: string;
let incremental: string;
let expected: Observed;

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "postgres", "files"], {
    SAMPLE_ROWS: "200",
    SAMPLE_WRITERS: "0",
    SAMPLE_FILES_SMALL: "100",
    SAMPLE_FILES_LARGE_MB: "8",
    SAMPLE_FILES_GROW: "0",
  });
  job = await openBackupJob(project);
  verify = await openVerifyJob(project, job);
  folder = await mkdtemp(join(tmpdir(), "erlmcp-damage-"));
  await stack.control("erlmcp", "POST", "/writer/quiesce");
  full = String((await job.receipt(["full"], env())).backup_id);
  await stack.control("erlmcp", "POST", "/rows?op=append&component=mnesia&table=account&count=7&version=9");
  incremental = String((await job.receipt(["incremental"], env())).backup_id);
  expected = await observe(stack);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await job[Symbol.asyncDispose]();
  await stack[Symbol.asyncDispose]();
});

const key = ({ component, name, rows, digest }: Observed["tables"][number]) => `${component} ${name} ${rows} ${digest}`;

/** When each container of the stack was started: stopping one, or starting it again, changes it. */
async function started(): Promise<string> {
  const ids = (await stack.compose("ps", "--quiet")).trim().split("\n").toSorted();
  return (await execa("docker", ["inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.State.Status}}", ...ids]))
    .stdout;
}

it("is read by Node alone, from the reader in the repository's root", { timeout: 200_000 }, async () => {
  const repository = await job.copyOut();
  const keyFile = join(folder, "key");
  await writeFile(keyFile, job.key);
  const target = join(folder, "rescued");
  const done = await rescue(repository, incremental, keyFile, target);
  expect(done.stderr).toBe("");
  expect(done.exitCode).toBe(3); // attributes, devices and pipes
  const tables = (await rescuedTables(target)).map((one) => `${one.component} ${one.name} ${one.rows} ${one.digest}`);
  expect(tables.toSorted()).toEqual(expected.tables.map(key).toSorted());
  const image = (
    await execa("docker", ["inspect", "--format", "{{.Image}}", (await stack.compose("ps", "--quiet", "files")).trim()])
  ).stdout;
  for (const [volume, paths] of expected.trees) {
    const copy = await fingerprint(image, join(target, "volumes", `${project}_files-${volume}`, "files"));
    expect({ volume, paths: settable(copy) }).toEqual({ volume, paths: settable(paths) });
  }
  await loadDatabase(target);
  await makeErlangFiles(target);
});

/** The dump goes into a database of its own by the stock programs, and is compared as text. */
async function loadDatabase(target: string): Promise<void> {
  const container = (await stack.compose("ps", "--quiet", "postgres")).trim();
  const dump = await readFile(
    join(target, "postgres", await onlyIn(join(target, "postgres")), "databases/erlmcp.dump"),
  );
  await stack.inside("postgres", "psql", "--username=postgres", "-c", "CREATE DATABASE rescued TEMPLATE template0");
  const restore = [
    "exec",
    "--interactive",
    container,
    "pg_restore",
    "--username=postgres",
    "--exit-on-error",
    "--dbname=rescued",
  ];
  await execa("docker", restore, { input: dump });
  expect(await databaseText(stack, "rescued")).toBe(await databaseText(stack, "erlmcp"));
}

async function onlyIn(path: string): Promise<string> {
  const { stdout } = await execa("ls", [path]);
  return stdout;
}

const rowsOf = (component: string) =>
  expected.tables.filter((one) => one.component === component).reduce((sum, { rows }) => sum + rows, 0);

/** Stock OTP makes its files of the rows, and reads them: as many objects as the application has. */
async function makeErlangFiles(target: string): Promise<void> {
  const script = `escript /out/make-otp-files.escript /out >/out/made.txt && cat /out/made.txt`;
  const run = ["run", "--rm", "--volume", `${target}:/out`, "--entrypoint", "sh", imageOf("restore"), "-c", script];
  const { stdout } = await execa("docker", run);
  const made = (suffix: RegExp) =>
    stdout
      .split("\n")
      .filter((line) => suffix.test(line))
      .reduce((sum, line) => sum + Number(/: (\d+) rows$/.exec(line)?.[1]), 0);
  expect({ ets: made(/\.tab:/), dets: made(/\.dets:/) }).toEqual({ ets: rowsOf("ets"), dets: rowsOf("dets") });
  expect(stdout).toMatch(/mnesia.*\.bup: \d+ tables/);
}

/** Flips a bit in the middle of an object of the repository; doing it again undoes it. */
async function flip(object: string): Promise<void> {
  const mount = ["--volume", `${job.volume}:/repository`, "--entrypoint", "node"];
  const script = `const fs = require("fs"), file = "/repository/${object}", bytes = fs.readFileSync(file);
    bytes[bytes.length >> 1] ^= 1; fs.writeFileSync(file, bytes)`;
  await execa("docker", ["run", "--rm", ...mount, imageOf("backup"), "--eval", script]);
}

it(
  "refuses to restore what is damaged before it stops anything, and verify names it",
  { timeout: 280_000 },
  async () => {
    const before = await started();
    for (const object of [
      `${full}/packs/000001.pack`,
      `${full}/chunks.idx`,
      `${incremental}/receipt.json`,
      `${incremental}/manifest.json`,
    ]) {
      await flip(object);
      const refused = await job.restore([incremental], env());
      expect({ object, ...refused }).toMatchObject({ object, exitCode: 4 });
      expect(refused.stderr).toContain(object.slice(object.indexOf("/") + 1));
      expect(refused.stderr).toContain("Nothing was touched");
      expect(await started()).toBe(before);
      const { exitCode, stdout } = await verify.run([incremental], env());
      expect({ exitCode, stdout }).toMatchObject({
        exitCode: 4,
        stdout: expect.stringContaining(object.slice(object.indexOf("/") + 1)),
      });
      await flip(object);
    }
    expect(await verify.run([incremental], env())).toMatchObject({ exitCode: 0 });
  },
);
