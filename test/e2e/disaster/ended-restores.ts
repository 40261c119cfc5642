import { deepStrictEqual } from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { record, type SystemRecord } from "../sample/record.ts";
import { changeEverything } from "../sample/state.ts";
import { startStack, type Stack } from "../sample/stack.ts";
import { imageOf, openBackupJob, type BackupJob, type JobRun } from "../support/job.ts";
import { query } from "./moved.ts";
import { faults, type Fault, type Place } from "./faults.ts";

const hardenedFile = fileURLToPath(new URL("hardened.yaml", import.meta.url));
const services = ["erlmcp", "postgres", "files"];
const docker = async (...args: string[]): Promise<string> => (await execa("docker", args)).stdout;

/** Where in its log a restore is hit, and by what. */
export interface Point {
  readonly at: RegExp;
  readonly fault: Fault;
  /** What the operator types if the restore has left something half done. */
  readonly mend: "--abort" | "--resume";
  /** Hits that run as well, before it is typed again. */
  readonly again?: { readonly at: RegExp; readonly fault: Fault } | undefined;
  readonly options?: readonly string[] | undefined;
}

interface State {
  readonly id: string;
  readonly record: SystemRecord;
}

/** An installation with two restore points, which is in the state of the one or of the other. */
export interface RestoreLab {
  /**
   * Restores to the other state, hits it, cleans up after it as an operator does, and throws unless the system is then exactly as
   * before or exactly as restored. @returns what was hit, and what became of it
   */
  hit(point: Point): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openRestoreLab(project: string): Promise<RestoreLab> {
  const settings = {
    SAMPLE_ROWS: "60",
    SAMPLE_PG_ROWS: "60",
    SAMPLE_WRITERS: "0",
    SAMPLE_FILES_SMALL: "60",
    SAMPLE_FILES_SMALL_BYTES: "2000",
    SAMPLE_FILES_LARGE: "1",
    SAMPLE_FILES_LARGE_MB: "2",
    SAMPLE_FILES_SPARSE_MB: "8",
    SAMPLE_FILES_GROW: "0",
  };
  const stack = await startStack(project, services, settings, [hardenedFile]);
  await query(stack, "TRUNCATE shop.scratch"); // unlogged: a crash of the server empties it, whoever restores or not
  const job = await openBackupJob(project);
  const bystanders = await startBystanders(project);
  const full = await makeState(stack, job, "full");
  await changeEverything(stack, 0);
  return new Lab({ project, stack, job, bystanders, states: [await makeState(stack, job, "incremental"), full] });
}

async function makeState(stack: Stack, job: BackupJob, type: string): Promise<State> {
  const { backup_id: id } = await job.receipt([type]);
  return { id: String(id), record: await record(stack, services) };
}

/** Containers of no project that use a volume which is restored: one runs, one has ended and must stay so. */
async function startBystanders(project: string): Promise<Record<string, string>> {
  const label = `erlmcp.test.run=${process.env["ERLMCP_TEST_RUN"] ?? "by-hand"}`;
  const common = ["--label", label, "--volume", `${project}_files-small:/files:ro`, "--entrypoint", "sh"];
  const image = [imageOf("backup"), "-c"];
  const awake = `${project}-awake`;
  const asleep = `${project}-asleep`;
  await docker("run", "--detach", "--init", "--name", awake, ...common, ...image, "exec sleep 36000");
  await docker("run", "--name", asleep, ...common, ...image, "exit 0");
  return { [awake]: "running", [asleep]: "exited" };
}

interface Parts {
  readonly project: string;
  readonly stack: Stack;
  readonly job: BackupJob;
  readonly bystanders: Readonly<Record<string, string>>;
  readonly states: readonly [State, State];
}

class Lab implements RestoreLab {
  readonly #parts: Parts;
  readonly #place: Place;
  #now: State;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#place = { project: parts.project, repository: parts.job.volume };
    [this.#now] = parts.states;
  }

  async hit({ at, fault, mend, again, options = [] }: Point): Promise<string> {
    const before = this.#now;
    const target = this.#parts.states.find((state) => state !== before) ?? before;
    const begun = performance.now();
    const first = await this.#run([target.id, "--accept-schema-change", ...options], at, fault); // a table was made between
    const told = [`${fault} at ${at.source}: exit ${first.exitCode}`];
    const left = await this.#journal();
    let expected = first.exitCode === 0 ? target : before;
    if (left !== undefined) {
      const how = left === "finishing" ? "--resume" : mend;
      if (again !== undefined) told.push(`left ${left}; ${await this.#runAgain(how, again)}`);
      const ended =
        again === undefined || (await this.#journal()) !== undefined ? await this.#parts.job.restore([how]) : first;
      if (again === undefined && ended.exitCode !== 0)
        throw new Error(`restore ${how} after ${told.join()}: ${ended.stderr}`);
      const goesBack = how === "--abort" || left === "undoing" || left === "unstaging";
      expected = goesBack ? before : target;
      told.push(`left ${left}, ${how}: exit ${ended.exitCode}`);
    } else if (again !== undefined) throw new Error(`${told.join()} left nothing to be hit again`);
    this.#now = expected;
    told.push(expected === target ? "as restored" : "as before", `${Math.round((performance.now() - begun) / 1000)} s`);
    await this.#check(expected, told.join("; "));
    return told.join("; ");
  }

  async #runAgain(how: string, { at, fault }: { at: RegExp; fault: Fault }): Promise<string> {
    const { exitCode } = await this.#run([how], at, fault);
    return `${how} hit by ${fault} at ${at.source}: exit ${exitCode}`;
  }

  /** The line is waited for, so what is not hit is an error. */
  async #run(args: readonly string[], at: RegExp, fault: Fault): Promise<JobRun> {
    const ended = await this.#parts.job.restoreUntil(args, at, () => faults[fault](this.#place));
    await this.#gone();
    return ended;
  }

  /** A worker that has lost its launcher puts back what was there, and ends. */
  async #gone(): Promise<void> {
    const filters = ["--filter", "label=erlmcp.job.sibling", "--filter", `volume=${this.#parts.job.volume}`];
    const deadline = performance.now() + 240_000;
    while ((await docker("ps", "--quiet", ...filters)) !== "") {
      if (performance.now() > deadline) throw new Error("the worker is still there");
      await delay(200);
    }
  }

  /** The state that a restore which was cut off has left behind. */
  async #journal(): Promise<string | undefined> {
    const text = await this.#parts.job.inRepository("cat locks/restore.json 2>/dev/null || :");
    return text === "" ? undefined : String(JSON.parse(text).state);
  }

  async #check(expected: State, told: string): Promise<void> {
    const { stack, job, bystanders, project } = this.#parts;
    const states: Record<string, string> = {};
    for (const name of Object.keys(bystanders)) {
      states[name] = await docker("inspect", "--format", "{{.State.Status}}", name);
    }
    const left = {
      inRepository: await job.inRepository("ls -A .staging; ls locks"),
      containers: await docker("ps", "--all", "--quiet", "--filter", `name=^${project}-job-`),
    };
    const clean = { inRepository: "repository.lock", containers: "" };
    deepStrictEqual({ told, states, left }, { told, states: bystanders, left: clean });
    const found = await record(stack, services);
    deepStrictEqual({ told, differences: differences(found, expected.record) }, { told, differences: [] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of Object.keys(this.#parts.bystanders)) await docker("rm", "--force", name);
    await this.#parts.job[Symbol.asyncDispose]();
    await this.#parts.stack[Symbol.asyncDispose]();
  }
}

/** What is otherwise, each with the beginnings of both: whole records are too long to be read. */
function differences(found: SystemRecord, expected: SystemRecord): string[] {
  return (["tables", "paths", "config", "databases"] as const).flatMap((kind) => {
    const [are, were] = [new Map(Object.entries(found[kind])), new Map(Object.entries(expected[kind]))];
    const names = new Set([...are.keys(), ...were.keys()]);
    return [...names].flatMap((name) => {
      const [is = "nothing", was = "nothing"] = [are, were].map((of) => JSON.stringify(of.get(name)));
      if (is === was) return [];
      const at = is.split("").findIndex((letter, index) => letter !== was[index]);
      const from = Math.max(0, at - 60);
      return [`${kind} ${name}: is …${is.slice(from, from + 160)}, was …${was.slice(from, from + 160)}`];
    });
  });
}
