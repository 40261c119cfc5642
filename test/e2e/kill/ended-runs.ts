import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { startStack, type Stack } from "../sample/stack.ts";
import { imageOf, openBackupJob, type BackupJob } from "../support/job.ts";
import { openCopy } from "../support/restore-point.ts";

/** How a run is ended before its time. */
export const endings = [
  "kill worker",
  "kill launcher",
  "terminate launcher",
  "remove worker",
  "remove launcher",
  "kill source",
] as const;
/** The rig's own engine is restarted: whatever else runs in it ends too. */
export const engineRestart = "restart engine";
export type Ending = (typeof endings)[number] | typeof engineRestart;

/** What became of a run that was to be ended. */
export interface Ended {
  readonly hit: boolean; // it ended otherwise than it would have: what came too late hits nothing
  readonly text: string;
}

/** A stack, a job, and two containers whose volumes are read while they are paused or stopped. */
export interface Lab {
  readonly job: BackupJob;
  /** Runs a full backup, ends it at a fraction of the time that a whole one takes, or as soon as there is what is to be hit. */
  endAt(fraction: number, ending: Ending): Promise<Ended>;
  /** What must be true once the containers of a run are gone; throws what isn't. */
  checkAfter(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const quiet = ["pause", "stop"] as const;
const docker = async (...args: string[]): Promise<string> => (await execa("docker", args)).stdout;

export async function openLab(project: string): Promise<Lab> {
  const stack = await startStack(project, ["erlmcp", "postgres"], { SAMPLE_ROWS: "2000" });
  const job = await openBackupJob(project);
  for (const during of quiet) await startQuiet(project, during);
  await job.receipt(["full"]); // the first takes longer than those that follow
  const begun = performance.now();
  await job.receipt(["full"]);
  return new KillLab({ project, stack, job }, performance.now() - begun);
}

/** A container that fills its volume once and then lives on. */
async function startQuiet(project: string, during: string): Promise<void> {
  const labels = [
    `com.docker.compose.project=${project}`,
    "erlmcp.backup.volumes=true",
    `erlmcp.backup.during=${during}`,
    `erlmcp.test.run=${process.env["ERLMCP_TEST_RUN"] ?? "by-hand"}`,
  ].flatMap((label) => ["--label", label]);
  const name = `${project}-${during}`;
  const script = "[ -e /data/file ] || head -c 20000000 /dev/urandom > /data/file; touch /tmp/ready; exec sleep 3600";
  const image = ["--entrypoint", "sh", imageOf("backup"), "-c", script];
  await docker("run", "--detach", "--init", "--name", name, ...labels, "--volume", `${name}:/data`, ...image);
  await docker("exec", name, "sh", "-c", "until [ -e /tmp/ready ]; do sleep 0.05; done");
}

class KillLab implements Lab {
  readonly job: BackupJob;
  readonly #stack: Stack;
  readonly #project: string;
  readonly #wholeMs: number;
  #runs = 0;

  constructor({ project, stack, job }: { project: string; stack: Stack; job: BackupJob }, wholeMs: number) {
    this.job = job;
    this.#project = project;
    this.#stack = stack;
    this.#wholeMs = wholeMs;
  }

  async endAt(fraction: number, ending: Ending): Promise<Ended> {
    this.#runs += 1;
    const name = `${this.#project}-run-${this.#runs}`;
    const run = { over: false };
    const running = this.job.runWith(["--name", name], ["full"]).finally(() => (run.over = true));
    await delay(fraction * this.#wholeMs); // the point is the time
    const done = await this.#end(ending, name, run);
    const { exitCode, stderr } = await running;
    await this.#gone(name);
    const phase = stderr.trim().split("\n").at(-1)?.slice(0, 160) ?? "";
    const hit = done && exitCode !== 0;
    return { hit, text: `${fraction.toFixed(2)} ${ending}: ${hit ? "hit" : "too late"}, exit ${exitCode}: ${phase}` };
  }

  async #end(ending: Ending, launcher: string, run: { readonly over: boolean }): Promise<boolean> {
    if (ending === "kill source") return succeeds("kill", `${this.#project}-postgres-1`);
    if (ending === engineRestart) return this.#restartEngine();
    let target = "";
    do target = await this.#target(ending, launcher);
    while (target === "" && !run.over);
    if (target === "") return false;
    if (ending.startsWith("remove")) return succeeds("rm", "--force", target);
    return succeeds("kill", "--signal", ending.startsWith("kill") ? "KILL" : "TERM", target);
  }

  async #target(ending: Ending, launcher: string): Promise<string> {
    if (ending.endsWith("worker")) return this.#worker(launcher);
    return docker("ps", "--quiet", "--filter", `name=^${launcher}$`);
  }

  /** The containers that the engine itself has stopped are started again: only what a job had stopped is the job's. */
  async #restartEngine(): Promise<boolean> {
    await execa(fileURLToPath(new URL("../../rig/engine", import.meta.url)), ["restart"]);
    for (const during of quiet) await docker("start", `${this.#project}-${during}`);
    return true;
  }

  async #worker(launcher: string): Promise<string> {
    const { stdout: id, exitCode } = await execa("docker", ["inspect", "--format", "{{.Id}}", launcher], {
      reject: false,
    });
    return exitCode === 0 ? docker("ps", "--quiet", "--filter", `label=erlmcp.job.sibling=${id}`) : "";
  }

  /** The launcher has ended; its worker notices, cleans up and ends too. */
  async #gone(launcher: string): Promise<void> {
    const left = async () => {
      const mine = await docker("ps", "--all", "--quiet", "--filter", `name=^${launcher}$`);
      const workers = await docker(
        "ps",
        "--quiet",
        "--filter",
        "label=erlmcp.job.sibling",
        "--filter",
        `volume=${this.job.volume}`,
      );
      return mine + workers;
    };
    const deadline = performance.now() + 180_000;
    while ((await left()) !== "") {
      if (performance.now() > deadline) throw new Error(`containers of ${launcher} are still there`);
      await delay(50);
    }
  }

  async checkAfter(): Promise<void> {
    await this.#stack.compose("up", "--detach", "--wait", "erlmcp", "postgres");
    await this.#checkRestorePoints();
    await this.job.receipt(["full"]);
    const left = await this.job.inRepository("ls -A .staging; ls locks; tail -n 1 catalog/backups.jsonl >/dev/null");
    if (left !== "repository.lock") throw new Error(`left in the repository: ${left}`);
    for (const during of quiet) {
      const state = await docker("inspect", "--format", "{{.State.Status}}", `${this.#project}-${during}`);
      if (state !== "running") throw new Error(`${this.#project}-${during} is ${state}`);
    }
    await this.job.inRepository("rm -rf erlmcp_* catalog/backups.jsonl");
  }

  /** Whatever is called like a restore point is one: whole, and readable to the end of its ledger. */
  async #checkRestorePoints(): Promise<void> {
    const points = (await this.job.inRepository("ls -d erlmcp_* 2>/dev/null || :"))
      .split("\n")
      .filter((id) => id !== "");
    if (points.length === 0) return;
    const repository = await this.job.copyOut();
    for (const id of points) {
      await this.job.inRepository(`cd ${id} && sha256sum -c --quiet checksums.sha256`);
      const point = await openCopy(repository, id, undefined);
      let lines = 0;
      for await (const line of point.ledger()) lines += line.name === "" ? 0 : 1;
      await point.close();
      if (lines !== point.manifest.contents.ledger_lines) throw new Error(`${id} has ${lines} lines in its ledger`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const during of quiet) {
      await docker("rm", "--force", `${this.#project}-${during}`);
      await docker("volume", "rm", `${this.#project}-${during}`);
    }
    await this.job[Symbol.asyncDispose]();
    await this.#stack[Symbol.asyncDispose]();
  }
}

async function succeeds(...args: string[]): Promise<boolean> {
  return (await execa("docker", args, { reject: false })).exitCode === 0;
}
