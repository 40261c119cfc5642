import { BackupError } from "@erlmcp/errors";
import { quoteIdentifier, quoteLiteral } from "./access.ts";
import { endSessions, Planned, type Journal, type Journalled } from "./journal.ts";

/**
 * Gives the restored databases their names, all of them or none: the renames are one transaction. Those that were there
 * keep their contents under another name and let nobody in. To be repeated at will.
 *
 * @throws BackupError FAILED when one is not restored yet, or connections do not end; all is then as it was
 */
export async function swapIn(journal: Journal): Promise<void> {
  const databases = await journal.databases();
  const planned = Planned.parse((await journal.fact("planned")) ?? []);
  const restored = databases.filter(({ state }) => state !== "staging").map(({ name }) => name);
  const unready = planned.filter((name) => !restored.includes(name));
  if (unready.length > 0) throw new BackupError("FAILED", `not restored yet: database ${unready.join(", ")}`);
  const ready = databases.filter(({ state }) => state === "staged");
  if (ready.length === 0) return;
  const leaving = ready.filter(({ existed }) => existed).map(({ name }) => name);
  const steps = ready.flatMap((database) => [
    ...(database.existed ? [rename(database.name, database.kept)] : []),
    rename(database.staged, database.name),
    ...database.properties.map((statement) => `${statement};`),
    allow(database.name, true),
  ]);
  try {
    await exchange(journal, {
      closed: [...leaving, ...ready.map(({ staged }) => staged)],
      steps,
      names: ready,
      state: "swapped",
    });
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    await reopen(journal, ready);
    throw error;
  }
}

/** Gives the databases that were there their names back; the restored ones are then as before the swap. */
export async function swapOut(journal: Journal): Promise<void> {
  const databases = await journal.databases();
  const swapped = databases.filter(({ state }) => state === "swapped");
  await reopen(
    journal,
    databases.filter(({ state }) => state !== "swapped"),
  );
  if (swapped.length === 0) return;
  const steps = swapped.flatMap((database) => [
    rename(database.name, database.staged),
    ...(database.existed ? [rename(database.kept, database.name), allow(database.name, database.open)] : []),
  ]);
  await exchange(journal, { closed: swapped.map(({ name }) => name), steps, names: swapped, state: "staged" });
}

interface Exchange {
  closed: string[]; // nobody may be in them
  steps: string[];
  names: readonly Journalled[];
  state: Journalled["state"];
}

async function exchange(journal: Journal, { closed, steps, names, state }: Exchange): Promise<void> {
  const list = names.map(({ name }) => quoteLiteral(name)).join(", ");
  await journal.run(`${closed.map((name) => allow(name, false)).join("\n")}
${endSessions(closed)}
SET synchronous_commit = on;
BEGIN;
${steps.join("\n")}
UPDATE public.restored SET state = '${state}' WHERE name IN (${list});
COMMIT;`);
}

/** Lets clients into the databases that were closed for a swap that did not come about. */
async function reopen(journal: Journal, databases: readonly Journalled[]): Promise<void> {
  const closed = databases.filter(({ existed, open }) => existed && open);
  const steps = closed.map(({ name }) => {
    const still = `FROM pg_catalog.pg_database WHERE datname = ${quoteLiteral(name)} AND NOT datallowconn`;
    return `SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', datname) ${still} \\gexec`;
  });
  if (steps.length > 0) await journal.run(`${steps.join("\n")}\n`);
}

function rename(from: string, to: string): string {
  return `ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)};`;
}

function allow(name: string, open: boolean): string {
  return `ALTER DATABASE ${quoteIdentifier(name)} ALLOW_CONNECTIONS ${open};`;
}
