import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { HeldContainer } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { holdContainer } from "./containers.ts";
import type { Drilling } from "./drilling.ts";
import { workFolder } from "./intent.ts";
import type { DrilledServer } from "./plan.ts";

/** A throwaway server, made by the image's own programs; it knows nothing but what is restored into it. */
export interface UpServer {
  readonly server: DrilledServer;
  readonly container: HeldContainer;
  readonly user: string; // the superuser
}

const ServerFacts = z.object({
  server: z.object({
    versionNum: z.int(),
    user: z.string(),
    preload: z.string(),
    tablespaces: z.array(z.object({ location: z.string() })),
  }),
});

/**
 * Makes a database cluster and starts its server, without the image's entrypoint. Building large indexes takes more shared memory than a
 * container has by default, so that lies in files. Only what is in the drill's network can reach it,
 * and only when the application is to be started.
 */
const startScript = `set -eu
major=$1 folder=$2 user=$3 listen=$4 preload=$5
found=
for directory in "/usr/lib/postgresql/$major/bin" "/usr/pgsql-$major/bin" "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" \\
  /usr/local/pgsql/bin /opt/bitnami/postgresql/bin; do
  [ -z "$found" ] && [ -x "$directory/initdb" ] && found=$directory
done
[ -n "$found" ] || { echo "the image has no initdb"; exit 3; }
has=$("$found/postgres" --version | sed 's/.*) \\([0-9]*\\).*/\\1/')
[ "$has" = "$major" ] || { echo "$has"; exit 4; }
mkdir "$folder/run"
"$found/initdb" --pgdata="$folder/data" --username="$user" --auth=trust --encoding=UTF8 --locale=C >"$folder/initdb.log" 2>&1 ||
  { tail -n 3 "$folder/initdb.log"; exit 3; }
[ -z "$listen" ] || echo 'host all all all scram-sha-256' >>"$folder/data/pg_hba.conf"
{
  echo "listen_addresses = '$listen'"
  echo "unix_socket_directories = '$folder/run'"
  echo "dynamic_shared_memory_type = mmap"
  [ -z "$preload" ] || echo "shared_preload_libraries = '$preload'"
} >>"$folder/data/postgresql.conf"
"$found/pg_ctl" --pgdata="$folder/data" --log="$folder/server.log" --silent --wait --timeout=300 start >/dev/null 2>&1 ||
  { tail -n 3 "$folder/server.log"; exit 3; }`;

/** @throws BackupError FAILED with its words, CONFIG_INVALID when the image has another major version */
export async function startServer(drilling: Drilling, server: DrilledServer, held: HeldContainer[]): Promise<UpServer> {
  const { host, signal, intent } = drilling;
  const { user, versionNum, preload, tablespaces } = factsOf(server);
  const folder = join(workFolder, server.key);
  const container = await holdServer(drilling, server, { folder, held });
  const { uid, gid } = await ownerIn(drilling, container.id);
  await mkdir(folder, { mode: 0o700 });
  await chown(folder, uid, gid);
  await makeFolders(drilling, container.id, {
    folders: tablespaces.map(({ location }) => location),
    owner: `${uid}:${gid}`,
  });
  const major = String(Math.floor(versionNum / 10_000));
  const args = [major, folder, user, intent.boot ? "*" : "", preload];
  const cmd = ["sh", "-c", startScript, "sh", ...args];
  const { exitCode, stdout, stderr } = await host.engine.run(container.id, { cmd, signal });
  const said = `${stdout.toString("utf8")}${stderr}`.trim();
  if (exitCode === 4) {
    throw new BackupError(
      "CONFIG_INVALID",
      `the image for ${server.place.name} has PostgreSQL ${said}, and postgres ${server.source.name} was captured from ${major}`,
      { hint: "Name an image with that version in DRILL_POSTGRES_IMAGE." },
    );
  }
  if (exitCode !== 0) throw new BackupError("FAILED", `the throwaway server does not start: ${said.slice(0, 500)}`);
  return { server, container, user };
}

function factsOf({ source }: DrilledServer): z.infer<typeof ServerFacts>["server"] {
  const parsed = ServerFacts.safeParse(source.facts);
  if (parsed.success) return parsed.data.server;
  throw new BackupError("CORRUPT", "the facts of the server are not those of a PostgreSQL capture");
}

/** A server refuses to run as root: as the user that servers run as everywhere, or as the image's own. */
async function holdServer(
  drilling: Drilling,
  { key, place }: DrilledServer,
  { folder, held }: { folder: string; held: HeldContainer[] },
): Promise<HeldContainer> {
  const env = { PGDATA: `${folder}/data`, POSTGRES_PASSWORD: "", POSTGRES_PASSWORD_FILE: "", PGHOST: "" };
  const hold = async (user: string | undefined): Promise<HeldContainer> => {
    const container = await holdContainer(drilling, { key, place, user, env });
    held.push(container);
    return container;
  };
  try {
    return await hold("postgres");
  } catch (error) {
    if (!(error instanceof BackupError) || !/unable to find user/.test(error.message)) throw error;
    return hold(undefined);
  }
}

async function ownerIn({ host, signal }: Drilling, container: string): Promise<{ uid: number; gid: number }> {
  const { exitCode, stdout } = await host.engine.run(container, { cmd: ["sh", "-c", "id -u; id -g"], signal });
  const [uid, gid] = stdout.toString("utf8").trim().split("\n").map(Number);
  if (exitCode === 0 && Number.isInteger(uid) && Number.isInteger(gid)) return { uid: uid ?? 0, gid: gid ?? 0 };
  throw new BackupError("FAILED", "the image does not say which user its server runs as");
}

/** Tablespaces lie in folders that a restore expects to be there. */
async function makeFolders(
  { host, signal }: Drilling,
  container: string,
  { folders, owner }: { folders: readonly string[]; owner: string },
): Promise<void> {
  if (folders.length === 0) return;
  const script = 'owner=$1; shift; mkdir -p -- "$@" && chown "$owner" -- "$@"';
  const cmd = ["sh", "-c", script, "sh", owner, ...folders];
  const { exitCode, stderr } = await host.engine.run(container, { cmd, user: "0", signal });
  if (exitCode !== 0) throw new BackupError("FAILED", `the folders of tablespaces cannot be made: ${stderr.trim()}`);
}
