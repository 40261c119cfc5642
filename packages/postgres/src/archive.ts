import type { ContentRef } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { Access } from "./access.ts";
import { collect, feed, type FedResult } from "./fed.ts";
import { shell, type Room } from "./room.ts";

/** How contents of the restore point are read; each reading gives all of it. */
export type Read = (content: ContentRef) => AsyncIterable<Uint8Array>;

/** An archive of pg_dump, within the reach of pg_restore. */
export interface Archive {
  /** How many processes can read it at once. */
  readonly jobs: number;
  /** Runs pg_restore with it. */
  run(args: readonly string[]): Promise<FedResult>;
  /** Prints the list of these entries' SQL; `list` holds lines as `--list` prints them. */
  print(list: string, args: readonly string[]): Promise<FedResult>;
  close(): Promise<void>;
}

export interface ArchiveSource {
  what: string; // for messages
  access: Access;
  room: Room;
  restoreId: string;
  content: ContentRef;
  needBytes: number; // that the restored database will take, as far as is known
  read: Read;
}

export interface ArchiveLimits {
  parallelFromBytes: number; // smaller archives are restored by one process, straight from the restore point
  parallelFromCores: number; // with fewer, several processes are no faster than one
  jobs: number; // at most
}

/** With two cores a dump of 300 MB took as long by two processes as by one: the file has to be written first. */
export const defaultArchiveLimits: ArchiveLimits = {
  parallelFromBytes: 64 * 1024 * 1024,
  parallelFromCores: 4,
  jobs: 8,
};

/** On fd 3: standard input may be the archive itself. */
const printScript = `list=$1
shift
exec pg_restore --use-list=/dev/fd/3 "$@" 3<<END
$list
END`;

/**
 * The server's own folder for temporary files: on the file system that the database goes to, readable by nobody else,
 * in no base backup, and emptied by the server when it starts, should we be killed.
 */
const temporary = "base/pgsql_tmp/pgsql_tmp_erlmcp";
const storeScript = `umask 077
folder="$1/base/pgsql_tmp"
[ -d "$folder" ] || { mkdir "$folder" && chown "$(stat -c %u:%g "$1")" "$folder"; } || exit 1
cat >"$2" || exit 1
wc -c <"$2"`;
const removeScript = `rm -f -- "$1/${temporary}_$2"`;

/**
 * pg_restore reads a stream only once and with one process. A large archive is put beside the server as a file first,
 * where there are cores to gain from it and room for it beside the database.
 */
export async function openArchive(source: ArchiveSource, limits: ArchiveLimits): Promise<Archive> {
  const { room, content, needBytes, read, what } = source;
  const whole: Read = (wanted) => exactly(read(wanted), wanted.bytes, what);
  const jobs = Math.min(room.cores, limits.jobs);
  const gains = room.cores >= limits.parallelFromCores && content.bytes >= limits.parallelFromBytes;
  const roomy = room.freeBytes !== undefined && room.freeBytes > 1.2 * (content.bytes + needBytes);
  if (jobs > 1 && gains && room.writable && roomy) {
    return openFile({ ...source, read: whole }, jobs);
  }
  return openStream({ ...source, read: whole });
}

/** What is read ends with an error unless it is as long as it should be. */
async function* exactly(input: AsyncIterable<Uint8Array>, bytes: number, what: string): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const piece of input) {
    seen += piece.length;
    yield piece;
  }
  if (seen !== bytes) throw new BackupError("CORRUPT", `the dump of ${what} has ${seen} bytes, not ${bytes}`);
}

function openStream({ access, content, read }: ArchiveSource): Archive {
  return {
    jobs: 1,
    run: async (args) => feed(await access.fed("pg_restore", args, "template1"), read(content)),
    print: async (list, args) =>
      feed(await access.fed("sh", ["-c", printScript, "sh", list, ...args], "template1"), read(content)),
    close: async () => undefined,
  };
}

async function openFile(source: ArchiveSource, jobs: number): Promise<Archive> {
  const { access, room, restoreId, content, read, what } = source;
  const file = `${room.folder}/${temporary}_${restoreId}`;
  const close = (): Promise<void> => removeTemporary(access, room, restoreId);
  try {
    const exec = await access.fed("sh", ["-c", storeScript, "sh", room.folder, file], "template1");
    const { stdout, exitCode, stderr } = await feed(exec, read(content));
    if (exitCode !== 0 || Number(stdout.toString("utf8")) !== content.bytes) {
      throw new BackupError("FAILED", `the dump of ${what} could not be put into ${file}: ${stderr.trim()}`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    jobs,
    run: async (args) => collect(await access.program("pg_restore", [...args, file], "template1")),
    print: async (list, args) =>
      collect(await access.program("sh", ["-c", printScript, "sh", list, ...args, file], "template1")),
    close,
  };
}

/** Removes what a restore has put beside the server. */
export async function removeTemporary(access: Access, room: Room, restoreId: string): Promise<void> {
  await shell(access, removeScript, [room.folder, restoreId]);
}
