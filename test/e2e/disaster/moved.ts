import { fileURLToPath } from "node:url";
import { parseReceipt, type Receipt } from "@erlmcp/manifest";
import { record, type SystemRecord } from "../sample/record.ts";
import { changeEverything, changeTables } from "../sample/state.ts";
import { startStack, type Stack } from "../sample/stack.ts";
import { openBackupJob, type BackupJob } from "../support/job.ts";

const movedFile = fileURLToPath(new URL("moved.yaml", import.meta.url));

/** An installation, how its backups are made, and how many. */
export interface Scenario {
  readonly project: string;
  readonly services: readonly string[];
  readonly cipher: "aes-256-gcm" | "aes-256-cbc" | undefined;
  readonly incrementals: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** A restore point and what the installation held just then. */
export interface Recorded {
  readonly id: string;
  readonly record: SystemRecord;
}

/** A restore point that was made under write load: what it holds lies between what there was before and after. */
export interface UnderLoad {
  readonly id: string;
  readonly before: SystemRecord;
  readonly after: SystemRecord;
  readonly transfers: readonly [number, number]; // committed in PostgreSQL
}

export interface Disaster {
  readonly stack: Stack; // the other one, on which everything is brought back
  readonly full: UnderLoad;
  readonly incrementals: readonly Recorded[];
  /** Restores with the new node names. @throws when its exit status is not 0 */
  restore(id: string, options?: readonly string[]): Promise<Receipt>;
  record(): Promise<SystemRecord>;
  [Symbol.asyncDispose](): Promise<void>;
}

const small = {
  SAMPLE_ROWS: "150",
  SAMPLE_PG_ROWS: "150",
  SAMPLE_FILES_SMALL: "120",
  SAMPLE_FILES_SMALL_BYTES: "3000",
  SAMPLE_FILES_LARGE: "1",
  SAMPLE_FILES_LARGE_MB: "3",
  SAMPLE_FILES_SPARSE_MB: "16",
};

/**
 * Backs an installation up as it lives: a full under write load, then incrementals with changes and load between them,
 * each made in a quiet moment. Destroys it, and starts another one: other project, other host and node names, other data.
 */
export async function strike(scenario: Scenario): Promise<Disaster> {
  const own = `${scenario.project}-first`;
  const job = await openBackupJob(own);
  try {
    const made = await live(scenario, job, own);
    return { ...made, ...(await startAnother(scenario, job)) };
  } catch (error) {
    await job[Symbol.asyncDispose]();
    throw error;
  }
}

/** The first installation, from its start to its end: containers, volumes and networks go. */
async function live(scenario: Scenario, job: BackupJob, project: string): Promise<History> {
  const stack = await startStack(project, scenario.services, { ...small, ...scenario.settings });
  try {
    return await makeHistory({ scenario, stack, job });
  } finally {
    await stack[Symbol.asyncDispose]();
  }
}

type History = Pick<Disaster, "full" | "incrementals">;

interface Living {
  readonly scenario: Scenario;
  readonly stack: Stack;
  readonly job: BackupJob;
}

async function makeHistory(living: Living): Promise<History> {
  const full = await backUpUnderLoad(living);
  const incrementals: Recorded[] = [];
  for (let round = 0; round < living.scenario.incrementals; round += 1) {
    if (round > 0) await setLoad(living, "on");
    await change(living, round);
    await setLoad(living, "off");
    const receipt = await living.job.receipt(["incremental"], encryption(living));
    if (receipt.base !== full.id)
      throw new Error(`${receipt.backup_id ?? ""} is based on ${receipt.base ?? "nothing"}`);
    incrementals.push({ id: String(receipt.backup_id), record: await record(living.stack, living.scenario.services) });
  }
  return { full, incrementals };
}

async function backUpUnderLoad(living: Living): Promise<UnderLoad> {
  const { stack, scenario, job } = living;
  const before = await record(stack, scenario.services);
  const first = await countTransfers(living);
  const receipt = await job.receipt(["full"], encryption(living));
  const transfers = [first, await countTransfers(living)] as const;
  return { id: String(receipt.backup_id), before, after: await record(stack, scenario.services), transfers };
}

function encryption({ scenario, job }: Pick<Living, "scenario" | "job">): Record<string, string> {
  return scenario.cipher === undefined ? {} : job.encrypted(scenario.cipher);
}

async function change({ scenario, stack }: Living, round: number): Promise<void> {
  const before = round > 1 ? round - 2 : undefined;
  if (scenario.services.includes("files")) await changeEverything(stack, round, before);
  else await changeTables(stack, round, before);
  const script = `echo "round ${round}" >>/etc/erlmcp/motd.txt; echo ${round} >/etc/erlmcp/round-${round}.config`;
  await stack.compose("exec", "--no-TTY", "--user", "root", "erlmcp", "sh", "-c", script);
}

/** Whoever writes by itself; when it is off all is committed and flushed. */
async function setLoad({ scenario, stack }: Living, state: "on" | "off"): Promise<void> {
  const has = (service: string): boolean => scenario.services.includes(service);
  const nodes = scenario.services.filter((service) => /^erlmcp\d?$/.test(service));
  for (const node of nodes) await stack.control(node, "POST", state === "on" ? "/writer/resume" : "/writer/quiesce");
  if (has("postgres-load")) await stack.inside("postgres-load", "sample-load", state === "on" ? "resume" : "quiesce");
  if (has("files")) await stack.inside("files", "sample-files", "grow", state);
}

async function countTransfers({ scenario, stack }: Pick<Living, "scenario" | "stack">): Promise<number> {
  if (!scenario.services.includes("postgres")) return 0;
  return Number(await query(stack, "SELECT count(*) FROM shop.transfer"));
}

export async function query(stack: Stack, sql: string): Promise<string> {
  const words = ["psql", "--username=postgres", "--dbname=erlmcp", "--tuples-only", "--no-align", "--command", sql];
  return (await stack.inside("postgres", ...words)).trim();
}

async function startAnother(scenario: Scenario, job: BackupJob): Promise<Omit<Disaster, keyof History>> {
  const project = `${scenario.project}-second`;
  const services = scenario.services.filter((service) => service !== "postgres-load");
  const quiet = { SAMPLE_SEED: "2", SAMPLE_WRITERS: "0", SAMPLE_FILES_GROW: "0" };
  const stack = await startStack(project, services, { ...small, ...scenario.settings, ...quiet }, [movedFile]);
  const renames = ["--rename-node=erlmcp@erlmcp=moved@moved-one"];
  if (services.includes("erlmcp2")) renames.push("--rename-node=erlmcp2@erlmcp2=moved2@moved-two");
  return {
    stack,
    async restore(id, options = []) {
      const env = { ...encryption({ scenario, job }), BACKUP_PROJECT: project };
      const words = [id, ...renames, "--accept-schema-change", ...options, "--json"]; // the second has tables of its own
      const { exitCode, stdout, stderr } = await job.restore(words, env);
      if (exitCode !== 0) throw new Error(`restore of ${id}: exit status ${exitCode}: ${stderr}`);
      return parseReceipt(Buffer.from(`${stdout}\n`));
    },
    record: () => record(stack, services),
    async [Symbol.asyncDispose]() {
      await stack[Symbol.asyncDispose]();
      await job[Symbol.asyncDispose]();
    },
  };
}
