import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { measureDatabases } from "./databases.ts";
import { record, writeFigures } from "./figures.ts";
import { docker, dropCaches, project, sample } from "./docker.ts";
import { buildPeers, openOurs, openPeer, peers, type Run, type Tool } from "./tools.ts";

// node main.ts [--quick] [files|databases]: the job beside its peers on the same data, as ratios; all figures in bench.json.
const quick = process.argv.includes("--quick");
const only = process.argv.slice(2).find((word) => !word.startsWith("--"));

const sizes = quick
  ? { SAMPLE_FILES_SMALL: "2000", SAMPLE_FILES_LARGE: "3", SAMPLE_FILES_LARGE_MB: "50" }
  : { SAMPLE_FILES_SMALL: "50000", SAMPLE_FILES_LARGE: "6", SAMPLE_FILES_LARGE_MB: "500" };

async function openTools(data: string): Promise<Tool[]> {
  return [
    await openOurs(data),
    await openPeer(`restic-${data}`, peers.restic),
    await openPeer(`borg-${data}`, peers.borg),
    await openPeer(`tar-${data}`, peers.tar),
  ];
}

function print(title: string, runs: readonly { tool: string; run: Run }[]): void {
  const ours = runs.find(({ tool }) => tool === "erlmcp")?.run.seconds ?? Number.NaN;
  const load = loadavg()[0] ?? 0;
  console.log(`\n${title}  (load ${load.toFixed(1)})`);
  for (const { tool, run } of runs) record({ title, tool, load, ...run });
  console.log("tool        seconds   against ours     stored MB    peak MB");
  for (const { tool, run } of runs) {
    const cells = [run.seconds.toFixed(1), (run.seconds / ours).toFixed(2), mega(run.storedBytes), mega(run.peakBytes)];
    console.log(tool.padEnd(10) + cells.map((cell, at) => cell.padStart([9, 15, 14, 11][at] ?? 10)).join(""));
  }
}

function mega(bytes: number): string {
  return Number.isNaN(bytes) ? "-" : (bytes / 1e6).toFixed(1);
}

let rounds = 0;

/** Each tool in turn, another one first each time: the first meets a machine that the last one left behind. */
async function measure(title: string, tools: readonly Tool[], act: (tool: Tool) => Promise<Run>): Promise<void> {
  const runs: { tool: string; run: Run }[] = [];
  const first = rounds % tools.length;
  rounds += 1;
  for (const tool of [...tools.slice(first), ...tools.slice(0, first)]) {
    if (!title.endsWith("warm cache")) await dropCaches();
    runs.push({ tool: tool.name, run: await act(tool) });
  }
  print(title, runs);
}

async function measureFiles(): Promise<void> {
  await sample(sizes, "up", "--detach", "--wait", "--wait-timeout", "600", "files");
  for (const data of ["large", "small"]) {
    const volume = `${project}_files-${data}`;
    const tools = await openTools(data);
    const run = (tool: Tool): Promise<Run> => tool.run(volume);
    await measure(`${data} files, first backup, cold cache`, tools, run);
    await measure(`${data} files, unchanged`, tools, run);
    if (data === "small") {
      const count = String(Math.round(Number(sizes.SAMPLE_FILES_SMALL) / 100));
      await sample(sizes, "exec", "--no-TTY", "files", "sample-files", "change", "--modify", count);
      await measure("small files, 1 % changed", tools, run);
    }
    await measure(`${data} files, restored`, tools, (tool) => tool.restore());
    const again = await openTools(`${data}-warm`);
    await execa(
      "docker",
      [
        "run",
        "--rm",
        "--volume",
        `${volume}:/v:ro`,
        "--entrypoint",
        "sh",
        `erlmcp/backup:${process.env["ERLMCP_TAG"] ?? "local"}`,
        "-c",
        "cat /v/* /v/*/* >/dev/null 2>&1",
      ],
      { reject: false },
    );
    await measure(`${data} files, first backup, warm cache`, again, run);
  }
}

async function cleanUp(folder: string): Promise<void> {
  await sample({}, "down", "--volumes", "--timeout", "5");
  const volumes = await docker("volume", "ls", "--quiet", "--filter", `name=^${project}[-_]`);
  if (volumes !== "") await docker("volume", "rm", "--force", ...volumes.split("\n"));
  // The job's own Compose project leaves its network behind: `compose run --rm` removes the container only.
  const networks = await docker("network", "ls", "--quiet", "--filter", `name=^${project}[-_]`);
  if (networks !== "") await docker("network", "rm", ...networks.split("\n"));
  await rm(folder, { recursive: true });
}

const folder = await mkdtemp(join(tmpdir(), "erlmcp-bench-"));
process.env["ERLMCP_BENCH_KEY"] = join(folder, "key");
await writeFile(join(folder, "key"), randomBytes(32), { mode: 0o600 });
try {
  await buildPeers();
  if (only === undefined || only === "files") await measureFiles();
  if (only === undefined || only === "databases") await measureDatabases(quick);
} finally {
  await writeFigures();
  await cleanUp(folder);
}
