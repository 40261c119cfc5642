import { fileURLToPath } from "node:url";
import { execa } from "execa";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const project = `erlmcp-bench-${process.pid}`;
const testRun = process.env["ERLMCP_TEST_RUN"] ?? project;
const label = `erlmcp.test.run=${testRun}`;
const sampleFile = `${root}test/rig/sample/compose.yaml`;

export async function docker(...args: string[]): Promise<string> {
  return (await execa("docker", args, { cwd: root, stdin: "ignore" })).stdout;
}

/** `docker compose` on the sample stack of this run. */
export async function sample(env: Record<string, string>, ...args: string[]): Promise<string> {
  const words = ["compose", "--project-name", project, "--file", sampleFile, ...args];
  return (await execa("docker", words, { env: { ERLMCP_TEST_RUN: testRun, ...env }, stdin: "ignore" })).stdout;
}

export async function makeVolume(name: string): Promise<string> {
  const volume = `${project}-${name}`;
  await docker("volume", "create", "--label", label, volume);
  return volume;
}

export interface Timed {
  readonly seconds: number; // of the whole command, its container's start included
  readonly stdout: string;
}

export async function timed(args: readonly string[], env: Record<string, string> = {}): Promise<Timed> {
  const begun = performance.now();
  const { stdout, stderr } = await execa("docker", args, { cwd: root, env, stdin: "ignore" });
  return { seconds: (performance.now() - begun) / 1000, stdout: `${stdout}\n${stderr}` };
}

/** Bytes of all files in a volume. */
export async function sizeOf(volume: string): Promise<number> {
  const image = [
    "--volume",
    `${volume}:/v`,
    "--entrypoint",
    "du",
    `erlmcp/backup:${process.env["ERLMCP_TAG"] ?? "local"}`,
    "-sb",
    "/v",
  ];
  return Number.parseInt(await docker("run", "--rm", ...image), 10);
}

/** Drops the page cache where this machine allows it. */
export async function dropCaches(): Promise<void> {
  await execa("sh", ["-c", "sync; echo 3 > /proc/sys/vm/drop_caches"], { reject: false });
}
