import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseReceipt, type Receipt } from "@erlmcp/manifest";
import { execa } from "execa";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The image of a job, as the compose files call it. */
export const imageOf = (job: string): string =>
  `${process.env["ERLMCP_REGISTRY"] ?? "erlmcp"}/${job}:${process.env["ERLMCP_TAG"] ?? "local"}`;

export type Service = "backup" | "restore" | "verify";

/** What one run of the job came to. */
export interface JobRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The backup job with a repository of its own, used as an operator uses it. */
export interface BackupJob {
  readonly volume: string;
  /** `docker compose run --rm backup ARGS`; gives up after five minutes. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<JobRun>;
  /** `docker compose run --rm restore ARGS`; its image is built before the first. */
  restore(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<JobRun>;
  /** Runs a restore and does something once, when a line of its log matches. */
  restoreUntil(args: readonly string[], line: RegExp, then: () => Promise<void>): Promise<JobRun>;
  /** As run, with options of `docker compose run`; of another job too, whose image is built before. */
  runWith(options: readonly string[], args: readonly string[], service?: Service): Promise<JobRun>;
  /** Holds the repository's lock from a container; call what it gives to let go. */
  holdLock(): Promise<() => Promise<void>>;
  /** Runs it with --json, expects exit status 0, gives the receipt. */
  receipt(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Receipt>;
  /** Runs a shell script with the repository as its working folder. */
  inRepository(script: string): Promise<string>;
  /** Copies the repository to this machine; gives the folder. */
  copyOut(): Promise<string>;
  /** Settings that turn encryption on with a key that is made for this job. */
  encrypted(cipher: "aes-256-gcm" | "aes-256-cbc"): Record<string, string>;
  readonly key: Buffer;
  /** The path of a file with another key, for ERLMCP_KEY_FILE. */
  otherKey(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Builds the job's image and makes a volume for its repository.
 *
 * @param project the Compose project that is backed up, and no other one
 * @param volumeOptions of `docker volume create`
 */
export async function openBackupJob(project: string, volumeOptions: readonly string[] = []): Promise<BackupJob> {
  const volume = `${project}-backups`;
  const folder = await mkdtemp(join(tmpdir(), "erlmcp-e2e-"));
  const key = randomBytes(32);
  const keyFile = join(folder, "backup.key");
  await writeFile(keyFile, key, { mode: 0o600 });
  const env = { BACKUP_PROJECT: project, BACKUP_VOLUME: volume, COMPOSE_IGNORE_ORPHANS: "true" };
  const label = `erlmcp.test.run=${process.env["ERLMCP_TEST_RUN"] ?? "by-hand"}`;
  const compose = ["compose", "--project-name", `${project}-job`];
  await execa("docker", ["volume", "create", ...volumeOptions, "--label", label, volume]);

  const wordsOf = (service: string, options: readonly string[], args: readonly string[]) => {
    return [...compose, "run", "--rm", "--no-TTY", "--label", label, ...options, service, ...args];
  };
  const runService = async (words: readonly string[], extra: Record<string, string>) => {
    const ended = await execa("docker", words, {
      cwd: root,
      env: { ...env, ...extra },
      stdin: "ignore",
      reject: false,
      timeout: 300_000,
    });
    const { exitCode, stdout, stderr } = ended;
    if (exitCode === undefined) throw new Error(`${words.join(" ")} did not end: ${stderr}`);
    return { exitCode, stdout, stderr };
  };
  const runJob = (options: readonly string[], args: readonly string[], extra: Record<string, string>) =>
    runService(wordsOf("backup", options, args), extra);
  const built = new Map<string, Promise<unknown>>();
  const build = async (service: Service) => {
    const building =
      built.get(service) ?? execa("docker", [...compose, "build", "--quiet", service], { cwd: root, env });
    built.set(service, building);
    await building;
  };
  const run: BackupJob["run"] = (args, extra = {}) => runJob([], args, extra);
  const inRepository: BackupJob["inRepository"] = async (script) => {
    const mount = ["--volume", `${volume}:/repository`, "--workdir", "/repository", "--entrypoint", "sh"];
    const { stdout } = await execa("docker", ["run", "--rm", ...mount, imageOf("backup"), "-c", script]);
    return stdout;
  };
  let copies = 0;
  await build("backup");
  return {
    volume,
    key,
    run,
    inRepository,
    async restore(args, extra = {}) {
      await build("restore");
      return runService(wordsOf("restore", [], args), extra);
    },
    async restoreUntil(args, wanted, then) {
      await build("restore");
      const options = { cwd: root, env, stdin: "ignore", reject: false, timeout: 300_000 } as const;
      const process = execa("docker", wordsOf("restore", [], args), options);
      let done: Promise<void> | undefined;
      for await (const line of process.iterable({ from: "stderr" })) if (wanted.test(line)) done ??= then();
      if (done === undefined) throw new Error(`restore ${args.join(" ")} never said ${wanted.source}`);
      await done;
      const { exitCode = -1, stdout, stderr } = await process;
      return { exitCode, stdout, stderr };
    },
    async runWith(options, args, service = "backup") {
      await build(service);
      return runService(wordsOf(service, options, args), {});
    },
    async holdLock() {
      const script = "exec 9>>/repository/locks/repository.lock; flock 9; touch /tmp/held; exec sleep 300";
      const mount = ["--volume", `${volume}:/repository`, "--entrypoint", "sh"];
      const started = await execa("docker", ["run", "--detach", "--rm", ...mount, imageOf("backup"), "-c", script]);
      const wait = "until [ -e /tmp/held ]; do sleep 0.05; done";
      await execa("docker", ["exec", started.stdout, "sh", "-c", wait]);
      return async () => {
        await execa("docker", ["kill", started.stdout]);
      };
    },
    async receipt(args, extra) {
      const { exitCode, stdout, stderr } = await run([...args, "--json"], extra);
      if (exitCode !== 0) throw new Error(`backup ${args.join(" ")}: exit status ${exitCode}: ${stderr}`);
      return parseReceipt(Buffer.from(`${stdout}\n`));
    },
    async copyOut() {
      copies += 1;
      const target = join(folder, `repository-${copies}`);
      const made = await execa("docker", ["create", "--volume", `${volume}:/repository`, imageOf("backup")]);
      try {
        await execa("docker", ["cp", "--quiet", `${made.stdout}:/repository`, target]);
      } finally {
        await execa("docker", ["rm", made.stdout]);
      }
      return target;
    },
    async otherKey() {
      const path = join(folder, "other.key");
      await writeFile(path, randomBytes(32), { mode: 0o600 });
      return path;
    },
    encrypted: (cipher) => ({
      COMPOSE_FILE: "compose/compose.yaml:compose/encryption.yaml",
      ERLMCP_KEY_FILE: keyFile,
      ENCRYPT_CIPHER: cipher,
    }),
    async [Symbol.asyncDispose]() {
      await execa("docker", [...compose, "down"], { cwd: root, env });
      await execa("docker", ["volume", "rm", "--force", volume]);
      await rm(folder, { recursive: true });
    },
  };
}

/** The stored receipt of a restore point in a copy of the repository. */
export async function storedReceipt(repository: string, id: string): Promise<Receipt> {
  return parseReceipt(await readFile(join(repository, id, "receipt.json")));
}
