import { BackupError } from "@erlmcp/errors";
import { removeTemporary } from "./archive.ts";
import { dropDatabase, dropJournal, findJournal, Planned, type Journal } from "./journal.ts";
import { guarded } from "./restore.ts";
import { undoGlobals } from "./restore-globals.ts";
import { finishTable, tableIsDone, undoTable } from "./restore-table.ts";
import { readRoom } from "./room.ts";
import { swapOut } from "./swap.ts";
import type { PostgresTarget } from "./target.ts";

/** What ending a restore did; empty when there was none under way. */
export interface EndedRestore {
  databases: string[]; // of these names, the ones that were kept are dropped, or back
  notes: string[];
}

/**
 * Drops what was kept of a restore that is complete. There is no way back then. To be repeated at will.
 *
 * @throws BackupError FAILED when the restore is not complete
 */
export async function finishPostgresRestore(target: PostgresTarget): Promise<EndedRestore> {
  return guarded(target, async (own) => {
    const journal = await findJournal(own);
    if (journal === undefined) return { databases: [], notes: [] };
    const databases = await journal.databases();
    if ((await journal.fact("finishing")) === undefined) await requireComplete(journal, own.restoreId);
    await journal.note("finishing", true);
    for (const { kept, existed } of databases) if (existed) await dropDatabase(journal.access, journal.database, kept);
    const notes = await finishTable(journal, own.restoreId);
    await removeTemporary(journal.access, await readRoom(journal.access), own.restoreId);
    await dropJournal(own, journal);
    return { databases: databases.map(({ name }) => name), notes };
  });
}

async function requireComplete(journal: Journal, restoreId: string): Promise<void> {
  const databases = await journal.databases();
  const planned = Planned.parse((await journal.fact("planned")) ?? []);
  const swapped = databases.filter(({ state }) => state === "swapped").map(({ name }) => name);
  const missing = planned.filter((name) => !swapped.includes(name));
  const anything = planned.length > 0 || (await journal.fact("table")) !== undefined;
  if (anything && missing.length === 0 && (await tableIsDone(journal, restoreId))) return;
  throw new BackupError(
    "FAILED",
    `restore ${restoreId} is not complete: ${missing.join(", ") || "it was only begun"}`,
    {
      hint: "Repeat the restore, or undo it.",
    },
  );
}

/**
 * Puts the server back as it was before a restore, wherever that stopped: names, contents, roles. What was restored is
 * dropped. To be repeated at will.
 *
 * @throws BackupError FAILED when the restore is being finished already
 */
export async function undoPostgresRestore(target: PostgresTarget): Promise<EndedRestore> {
  return guarded(target, async (own) => {
    const journal = await findJournal(own);
    if (journal === undefined) return { databases: [], notes: [] };
    if ((await journal.fact("finishing")) !== undefined) {
      throw new BackupError("FAILED", `restore ${own.restoreId} can't be undone: what it had kept is being dropped`, {
        hint: "Finish it, then restore the safety backup.",
      });
    }
    await journal.access.end();
    await swapOut(journal);
    await undoTable(journal, own.restoreId);
    const databases = await journal.databases();
    for (const { staged } of databases) await dropDatabase(journal.access, journal.database, staged);
    const notes = await undoGlobals(journal);
    await removeTemporary(journal.access, await readRoom(journal.access), own.restoreId);
    await dropJournal(own, journal);
    return { databases: databases.map(({ name }) => name), notes };
  });
}
