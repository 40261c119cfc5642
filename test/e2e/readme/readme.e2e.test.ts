import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startStack, type Stack } from "../sample/stack.ts";
import { blocksOf } from "./blocks.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const project = `erlmcp-readme-${process.pid}`;
const label = `erlmcp.test.run=${process.env["ERLMCP_TEST_RUN"] ?? "by-hand"}`;
const volume = `${project}-backups`;
const env = {
  BACKUP_PROJECT: project,
  BACKUP_VOLUME: volume,
  COMPOSE_PROJECT_NAME: `${project}-job`,
  COMPOSE_IGNORE_ORPHANS: "true",
};
const blocks = blocksOf(await readFile(join(root, "README.md"), "utf8"));
let stack: Stack;
let folder = "";

beforeAll(async () => {
  stack = await startStack(project, ["erlmcp", "postgres", "files"], {
    SAMPLE_ROWS: "50",
    SAMPLE_WRITERS: "0",
    SAMPLE_FILES_SMALL: "20",
    SAMPLE_FILES_LARGE_MB: "1",
    SAMPLE_FILES_GROW: "0",
  });
  await execa("docker", ["volume", "create", "--label", label, volume]);
  await execa("docker", ["compose", "build", "--quiet", "backup", "restore", "verify"], { cwd: root, env });
  // A folder of its own: what the page writes beside the Compose files, a key among it, must not lie in the repository.
  folder = await mkdtemp(join(tmpdir(), "erlmcp-readme-"));
  for (const name of ["compose", ".env"]) await cp(join(root, name), join(folder, name), { recursive: true });
});

afterAll(async () => {
  // Named, because by the files alone no service is on, and their network would stay.
  await execa("docker", ["compose", "--project-name", env.COMPOSE_PROJECT_NAME, "down"], { cwd: root, env });
  await stack[Symbol.asyncDispose]();
  await execa("docker", ["volume", "rm", "--force", volume]);
  await rm(folder, { recursive: true });
});

/** One shell for all of the page would be one process; each block takes over what those before it have exported. */
async function run(commands: string): Promise<{ exitCode: number | undefined; output: string }> {
  const script = `[ ! -e exported ] || . ./exported
trap 'export -p >exported' EXIT
${commands.replaceAll("erlmcp-backups", volume)}`;
  const options = { cwd: folder, env, stdin: "ignore", reject: false, all: true, timeout: 280_000 } as const;
  const { exitCode, all } = await execa("bash", ["-euo", "pipefail", "-c", script], options);
  return { exitCode, output: all };
}

it("has commands for every job, and a reason for each block that is not run", () => {
  const all = blocks.map(({ commands }) => commands).join("");
  for (const words of ["backup full", "backup incremental", "restore latest", "restore --list", "verify latest"]) {
    expect(all).toContain(words);
  }
  expect(blocks.filter(({ notRun }) => notRun !== undefined).length).toBeLessThan(blocks.length / 2);
});

const runnable = blocks.filter(({ notRun }) => notRun === undefined);

it.each(runnable)("README.md:$line runs", async ({ commands, exits }) => {
  const { exitCode, output } = await run(commands);
  expect(exitCode, `${commands}\n${output}`).toBe(exits);
});

it("prints a proof that the receipt alone confirms", async () => {
  const { output } = await run(
    `jq -cj '[.git_sha,.image_digest,.service,.command,.exit_code,.stdout_sha256,.stderr_sha256]' receipt.json | sha256sum; jq -r .proof receipt.json`,
  );
  const [computed, stated] = output.split("\n").map((line) => line.slice(0, 64));
  expect(stated).toBe(computed);
});
