import { BackupError } from "@erlmcp/errors";
import { explain } from "./access.ts";
import { openArchive, type Archive, type ArchiveLimits, type Read } from "./archive.ts";
import { analyse, compareContents, readContents } from "./compare.ts";
import type { ListedDatabase } from "./facts.ts";
import { dropDatabase, type Journal } from "./journal.ts";
import { keptName, stagedName } from "./names.ts";
import { readProperties } from "./properties.ts";
import type { RecordedDatabase } from "./recorded.ts";
import type { Room } from "./room.ts";

export interface StageWork {
  journal: Journal;
  room: Room;
  restoreId: string;
  read: Read;
  limits: ArchiveLimits;
  existing: readonly ListedDatabase[]; // of the server
  done: ReadonlySet<string>; // restored before, when this restore was begun for the first time
}

/**
 * Restores one database beside the one of its name, and compares it with the restore point. One that was staged by this
 * restore before is left as it is; one that was begun is begun again.
 *
 * @throws BackupError FAILED with pg_restore's words, CORRUPT
 */
export async function stageDatabase(work: StageWork, recorded: RecordedDatabase): Promise<void> {
  const { journal, room, restoreId, read } = work;
  const { facts, entry } = recorded;
  const { name } = facts;
  if (work.done.has(name)) return;
  const staged = stagedName(name, restoreId);
  const live = work.existing.find((database) => database.name === name);
  const begun = {
    name,
    staged,
    kept: keptName(name, restoreId),
    existed: live !== undefined,
    open: live?.row.datallowconn ?? true,
  };
  await journal.add({ ...begun, state: "staging", properties: [], result: null });
  await dropDatabase(journal.access, journal.database, staged);
  const source = {
    what: `database ${name}`,
    access: journal.access,
    room,
    restoreId,
    content: entry.content,
    needBytes: facts.bytes,
    read,
  };
  const archive = await openArchive(source, work.limits);
  const { properties, notes } = await restoreInto(journal, archive, { name, staged });
  const comparison = compareContents(facts, await readContents(journal.access, staged, facts));
  const analysed = await analyse(journal.access, staged);
  const result = { ...comparison, notes: [...notes, ...comparison.notes, ...analysed] };
  await journal.add({ ...begun, state: "staged", properties, result });
}

async function restoreInto(
  journal: Journal,
  archive: Archive,
  { name, staged }: { name: string; staged: string },
): Promise<{ properties: string[]; notes: string[] }> {
  try {
    const { create, statements } = await readProperties(archive, name);
    await journal.run(`${create(staged)};`);
    const notes = await load(archive, staged, { what: `database ${name}` });
    return { properties: statements, notes };
  } finally {
    await archive.close();
  }
}

/** Loads an archive, or the part of it that `args` choose, into a database. @returns what pg_restore warned of */
export async function load(
  archive: Archive,
  database: string,
  { what, args = [] }: { what: string; args?: readonly string[] },
): Promise<string[]> {
  const jobs = archive.jobs > 1 ? [`--jobs=${archive.jobs}`] : [];
  const fixed = ["--exit-on-error", "--no-password", `--dbname=${connectionString(database)}`, ...jobs];
  const result = await archive.run([...fixed, ...args]);
  const lines = result.stderr.split("\n").filter((line) => line.trim() !== "");
  const complaint = lines.find((line) => /^pg_restore: error: |: (?:ERROR|FATAL|PANIC): /.test(line));
  if (result.exitCode !== 0 || complaint !== undefined) {
    throw new BackupError("FAILED", `pg_restore of ${what}: ${complaint ?? explain(result)}`, {
      hint: "The database that was there is untouched; look into the server's log.",
    });
  }
  return lines;
}

/** As --dbname has it: a plain name with an equals sign in it would be read as something else. */
function connectionString(database: string): string {
  return `dbname='${database.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}
