import { fileURLToPath } from "node:url";
import { VerifyReport } from "@erlmcp/verify";
import { execa } from "execa";
import { imageOf, type BackupJob, type JobRun } from "../support/job.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const label = `erlmcp.test.run=${process.env["ERLMCP_TEST_RUN"] ?? "by-hand"}`;

/** The verify job on a backup job's repository. */
export interface VerifyJob {
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<JobRun>;
  /** The report of a run with --json, and its exit status. */
  report(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<JobRun & { report: VerifyReport }>;
  /** Runs it until a line of its log matches, then does something once. */
  runUntil(args: readonly string[], line: RegExp, then: () => Promise<void>): Promise<JobRun>;
}

export async function openVerifyJob(project: string, { volume }: BackupJob): Promise<VerifyJob> {
  const compose = ["compose", "--project-name", `${project}-job`];
  const env = { BACKUP_PROJECT: project, BACKUP_VOLUME: volume, COMPOSE_IGNORE_ORPHANS: "true" };
  await execa("docker", [...compose, "build", "--quiet", "verify"], { cwd: root, env });
  const words = (args: readonly string[]) => [
    ...compose,
    "run",
    "--rm",
    "--no-TTY",
    "--label",
    label,
    "verify",
    ...args,
  ];
  const options = { cwd: root, stdin: "ignore", reject: false, timeout: 280_000 } as const;
  const run: VerifyJob["run"] = async (args, extra = {}) => {
    const { exitCode, stdout, stderr } = await execa("docker", words(args), { ...options, env: { ...env, ...extra } });
    if (exitCode === undefined) throw new Error(`verify ${args.join(" ")} did not end: ${stderr}`);
    return { exitCode, stdout, stderr };
  };
  return {
    run,
    async report(args, extra) {
      const ended = await run([...args, "--json"], extra);
      const parsed = VerifyReport.safeParse(ended.stdout === "" ? undefined : JSON.parse(ended.stdout));
      if (!parsed.success) throw new Error(`verify ${args.join(" ")}: exit status ${ended.exitCode}: ${ended.stderr}`);
      return { ...ended, report: parsed.data };
    },
    async runUntil(args, wanted, then) {
      const process = execa("docker", words(args), { ...options, env });
      let done: Promise<void> | undefined;
      for await (const line of process.iterable({ from: "stderr" })) if (wanted.test(line)) done ??= then();
      if (done === undefined) throw new Error(`verify ${args.join(" ")} never said ${wanted.source}`);
      await done;
      const { exitCode = -1, stdout, stderr } = await process;
      return { exitCode, stdout, stderr };
    },
  };
}

/** Puts a folder of this machine into the repository, as a restore point. */
export async function copyIn({ volume }: BackupJob, folder: string): Promise<void> {
  const made = await execa("docker", [
    "create",
    "--volume",
    `${volume}:/repository`,
    "--label",
    label,
    imageOf("backup"),
  ]);
  try {
    await execa("docker", ["cp", "--quiet", folder, `${made.stdout}:/repository/`]);
  } finally {
    await execa("docker", ["rm", made.stdout]);
  }
}
