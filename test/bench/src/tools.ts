import { docker, makeVolume, project, sizeOf, timed } from "./docker.ts";

/** One run of one tool. */
export interface Run {
  readonly seconds: number;
  readonly storedBytes: number; // by this run
  readonly peakBytes: number;
}

/** A tool with an empty repository; each run backs the same volume up again. */
export interface Tool {
  readonly name: string;
  run(volume: string): Promise<Run>;
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

/** The backup job, encrypted; the volume is mounted by hand, so that just this one is taken. */
export async function openOurs(name: string): Promise<Tool> {
  const repository = await makeVolume(`ours-${name}`);
  let type = "full";
  return {
    name: "erlmcp",
    run: (volume) =>
      growing(repository, async () => {
        const { seconds, stdout } = await runJob({ repository, args: [type], volume });
        type = "incremental";
        return { seconds, peakBytes: peakOf(stdout) };
      }),
  };
}

export function peakOf(receipt: string): number {
  return Number(/"peak_memory_bytes": (\d+)/.exec(receipt)?.[1] ?? Number.NaN);
}

/** @param volume mounted under /sources/volumes; without it the sample stack of this run is backed up */
export async function runJob(job: { repository: string; args: readonly string[]; volume?: string }) {
  const mount = job.volume === undefined ? [] : ["--volume", `${job.volume}:/sources/volumes/data:ro`];
  const words = ["compose", "--project-name", `${project}-job`, "run", "--rm", "--no-TTY", ...mount, "backup"];
  return timed([...words, ...job.args, "--json"], {
    BACKUP_PROJECT: job.volume === undefined ? project : `${project}-nobody`,
    BACKUP_VOLUME: job.repository,
    COMPOSE_FILE: "compose/compose.yaml:compose/encryption.yaml",
    ERLMCP_KEY_FILE: process.env["ERLMCP_BENCH_KEY"] ?? "",
    COMPOSE_IGNORE_ORPHANS: "true",
  });
}

/** A peer: a script that runs in its image with the data at /data and its repository at /repo. */
export async function openPeer(name: string, scripts: { init: string; run: string }): Promise<Tool> {
  const [tool = ""] = name.split("-");
  const repository = await makeVolume(name);
  const start = (script: string, volume: string) => {
    const mounts = ["--volume", `${volume}:/data:ro`, "--volume", `${repository}:/repo`];
    const words = ["run", "--rm", "--env", "RESTIC_PASSWORD=bench", "--env", "BORG_PASSPHRASE=bench", ...mounts];
    return timed([...words, peerImage, "bash", "-o", "pipefail", "-ec", script]);
  };
  let made = false;
  return {
    name: tool,
    async run(volume) {
      if (!made) await start(scripts.init, volume);
      made = true;
      return growing(repository, async () => {
        const { seconds, stdout } = await start(`/usr/bin/time -f 'peak %M' ${scripts.run}`, volume);
        return { seconds, peakBytes: Number(/peak (\d+)/.exec(stdout)?.[1] ?? Number.NaN) * 1024 };
      });
    },
  };
}

/** restic with its default compression, borg and tar with zstd at the level that the job uses. */
export const peers = {
  restic: { init: "restic init -q -r /repo", run: "restic backup -q -r /repo --compression auto /data" },
  borg: {
    init: "borg init -e repokey /repo",
    run: "borg create --compression zstd,1 /repo::{now:%Y%m%dT%H%M%S%f} /data",
  },
  tar: {
    init: "openssl rand -hex 32 > /repo/key",
    run: "bash -o pipefail -c 'tar -C /data -c . | zstd -1 -T2 -q | openssl enc -aes-256-cbc -pbkdf2 -pass file:/repo/key > /repo/$RANDOM$RANDOM'",
  },
} as const;
