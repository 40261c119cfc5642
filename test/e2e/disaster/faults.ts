import { execa } from "execa";

/** Whom a fault hits. */
export interface Place {
  readonly project: string; // of the stack; that of the job has `-job` at its end
  readonly repository: string; // volume
}

const docker = async (...args: string[]): Promise<string> => (await execa("docker", args)).stdout.trim();

/** Its image's labels are on the worker as well, but for this one. */
async function launcher({ project }: Place): Promise<string> {
  return one("label=com.docker.compose.oneoff=True", `label=com.docker.compose.project=${project}-job`);
}

async function worker({ repository }: Place): Promise<string> {
  return one("label=erlmcp.job=restore", `volume=${repository}`);
}

async function safetyBackup({ repository }: Place): Promise<string> {
  return one("label=erlmcp.job=backup", `volume=${repository}`);
}

async function one(...filters: string[]): Promise<string> {
  const words = filters.flatMap((filter) => ["--filter", filter]);
  const [id = ""] = (await docker("ps", "--quiet", "--no-trunc", ...words)).split("\n");
  if (id === "") throw new Error(`nothing runs with ${filters.join(" and ")}`);
  return id;
}

const send = (signal: string, whom: (place: Place) => Promise<string>) => async (place: Place) => {
  await docker("kill", "--signal", signal, await whom(place));
};

const killService =
  (service: string) =>
  async ({ project }: Place) => {
    await docker("kill", `${project}-${service}-1`);
  };

/** Kills the first process in a container whose name and command line match, as soon as there is one. */
const killProcess =
  (service: string, comm: string, words: string) =>
  async ({ project }: Place) => {
    const script = `end=$(($(date +%s) + 20))
while [ "$(date +%s)" -lt "$end" ]; do for p in /proc/[0-9]*; do
  if [ "$(cat $p/comm 2>/dev/null)" = '${comm}' ] && tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q -e '${words}'; then
    kill -9 "\${p#/proc/}" && exit 0; fi
done; done; exit 1`;
    await docker("exec", "--user", "root", `${project}-${service}-1`, "sh", "-c", script);
  };

/** What can happen to a restore. Each one throws when it hits nothing. */
export const faults = {
  "kill launcher": send("KILL", launcher),
  "terminate launcher": send("TERM", launcher),
  "kill worker": send("KILL", worker),
  "terminate worker": send("TERM", worker),
  "remove worker": async (place: Place) => {
    await docker("rm", "--force", await worker(place));
  },
  "kill safety backup": send("KILL", safetyBackup),
  "kill node": killService("erlmcp"),
  "kill postgres": killService("postgres"),
  "kill files": killService("files"),
  "kill pg_restore": killProcess("postgres", "pg_restore", "."),
  "kill a server process": killProcess("postgres", "postgres", "__erlmcp_restore_"),
  "kill the client VM": killProcess("erlmcp", "beam.smp", "-setcookie none"),
} as const;
export type Fault = keyof typeof faults;
