import { docker, makeVolume, project, sizeOf, timed, type Timed } from "./docker.ts";

/** One run of one tool. */
export interface Run {
  readonly seconds: number;
  readonly storedBytes: number; // by this run
  readonly peakBytes: number;
}

/** A tool with an empty repository; each run backs the same volume up again, a restore gives back the last one. */
export interface Tool {
  readonly name: string;
  run(volume: string): Promise<Run>;
  restore(): Promise<Run>;
}

const peerImage = "erlmcp-bench/peers:local";

export async function buildPeers(): Promise<void> {
  const base = process.env["ERLMCP_DEBIAN_IMAGE"] ?? "debian:trixie-slim";
  await docker("build", "--quiet", "--tag", peerImage, "--build-arg", `DEBIAN_IMAGE=${base}`, "test/bench/peers");
}

async function growing(repository: string, run: () => Promise<{ seconds: number; peakBytes: number }>): Promise<Run> {
  const before = await sizeOf(repository);
  const { seconds, peakBytes } = await run();
  return { seconds, peakBytes, storedBytes: (await sizeOf(repository)) - before };
}

/** A restore into a volume of its own, which is removed afterwards; bytes are those that were restored. */
async function restoring(
  name: string,
  run: (target: string) => Promise<{ seconds: number; peakBytes: number }>,
): Promise<Run> {
  const target = await makeVolume(`restored-${name}`);
  try {
    const done = await run(target);
    return { ...done, storedBytes: await sizeOf(target) };
  } finally {
    await docker("volume", "rm", "--force", target);
  }
}

/** The backup job, encrypted; the volume is mounted by hand, so that just this one is taken. */
export async function openOurs(name: string): Promise<Tool> {
  const repository = await makeVolume(`ours-${name}`);
  let type = "full";
  return {
    name: "erlmcp",
    run: (volume) =>
      growing(repository, async () => {
        const mount = `${volume}:/sources/volumes/data:ro`;
        const { seconds, stdout } = await runJob({ repository, args: [type], mount });
        type = "incremental";
        return { seconds, peakBytes: peakOf(stdout) };
      }),
    restore: () =>
      restoring(`ours-${name}`, async (target) => {
        const args = ["latest", "--to=/restored/data"];
        const { seconds, stdout } = await runJob({ job: "restore", repository, args, mount: `${target}:/restored` });
        return { seconds, peakBytes: peakOf(stdout) };
      }),
  };
}

export function peakOf(receipt: string): number {
  return Number(/"peak_memory_bytes": (\d+)/.exec(receipt)?.[1] ?? Number.NaN);
}

interface JobRun {
  readonly job?: "backup" | "restore";
  readonly repository: string;
  readonly args: readonly string[];
  readonly mount?: string; // without one it is about the sample stack of this run
}

/** One of our jobs, which gets no more than the 512 MB that it promises to need: with more it is ended by the kernel. */
export async function runJob({ job = "backup", repository, args, mount }: JobRun): Promise<Timed> {
  const mounts = mount === undefined ? [] : ["--volume", mount];
  const words = ["compose", "--project-name", `${project}-job`, "run", "--rm", "--no-TTY", ...mounts, job];
  return timed([...words, ...args, "--json"], {
    BACKUP_PROJECT: mount === undefined ? project : `${project}-nobody`,
    BACKUP_VOLUME: repository,
    COMPOSE_FILE: "compose/compose.yaml:compose/encryption.yaml:test/bench/memory.yaml",
    ERLMCP_KEY_FILE: process.env["ERLMCP_BENCH_KEY"] ?? "",
    COMPOSE_IGNORE_ORPHANS: "true",
  });
}

/** A peer: a script that runs in its image with the data at /data and its repository at /repo. */
export async function openPeer(name: string, scripts: (typeof peers)[keyof typeof peers]): Promise<Tool> {
  const [tool = ""] = name.split("-");
  const repository = await makeVolume(name);
  const start = (script: string, mount: string) => {
    const mounts = ["--volume", mount, "--volume", `${repository}:/repo`];
    const words = ["run", "--rm", "--env", "RESTIC_PASSWORD=bench", "--env", "BORG_PASSPHRASE=bench", ...mounts];
    return timed([...words, peerImage, "bash", "-o", "pipefail", "-ec", script]);
  };
  let made = false;
  return {
    name: tool,
    async run(volume) {
      const data = `${volume}:/data:ro`;
      if (!made) await start(scripts.init, data);
      made = true;
      return growing(repository, async () => {
        return peak(await start(`/usr/bin/time -f 'peak %M' ${scripts.run}`, data));
      });
    },
    restore: () =>
      restoring(name, async (target) => {
        const script = `cd /restored && /usr/bin/time -f 'peak %M' ${scripts.restore} && sync -f /restored`;
        return peak(await start(script, `${target}:/restored`));
      }),
  };
}

function peak({ seconds, stdout }: Timed): { seconds: number; peakBytes: number } {
  return { seconds, peakBytes: Number(/peak (\d+)/.exec(stdout)?.[1] ?? Number.NaN) * 1024 };
}

/** restic with its default compression, borg and tar with zstd at the level that the job uses. */
export const peers = {
  restic: {
    init: "restic init -q -r /repo",
    run: "restic backup -q -r /repo --compression auto /data",
    restore: "restic restore latest -q -r /repo --target /restored",
  },
  borg: {
    init: "borg init -e repokey /repo",
    run: "borg create --compression zstd,1 /repo::{now:%Y%m%dT%H%M%S%f} /data",
    restore: "bash -c 'borg extract /repo::$(borg list --last 1 --format {archive} /repo)'",
  },
  tar: {
    init: "openssl rand -hex 32 > /repo/key",
    run: "bash -o pipefail -c 'tar -C /data -c . | zstd -1 -T2 -q | openssl enc -aes-256-cbc -pbkdf2 -pass file:/repo/key > /repo/$(date +%s%N)'",
    restore:
      "bash -o pipefail -c 'openssl enc -d -aes-256-cbc -pbkdf2 -pass file:/repo/key -in $(ls -t /repo/[0-9]* | head -n 1) | zstd -dq | tar -x'",
  },
} as const;
