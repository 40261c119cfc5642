import type { Engine } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { openAccess, type Access } from "./access.ts";
import { controlDatabase } from "./names.ts";

/** The server that is restored to. */
export interface PostgresTarget {
  engine: Pick<Engine, "exec" | "run">;
  container: { id: string; name: string };
  user: string | undefined; // the superuser; the container's own idea of it when undefined
  /** Names the restore in the server: its databases and connections. Letters, digits, `_` and `-`, 32 at most. */
  restoreId: string;
  signal: AbortSignal;
}

/** A way into the server that goes through a certain database. */
export type Entrance = Access & { database: string };

/**
 * For our connections, whatever an operator has set for databases or roles. What is restored is safe only with the
 * swap's commit, which is flushed with all that went before it.
 */
const options = [
  "default_transaction_read_only=off",
  "synchronous_commit=off",
  "statement_timeout=0",
  "lock_timeout=0",
  "idle_in_transaction_session_timeout=0",
  "DateStyle=ISO",
  "IntervalStyle=postgres",
  "extra_float_digits=3",
  "row_security=off",
  "search_path=pg_catalog",
];

/**
 * @param database the one to be connected to; by default one that a server has, or ours when they are just being swapped
 * @throws BackupError SOURCE_FAILED with the server's words, USAGE
 */
export function openTarget(target: PostgresTarget, database?: string): Promise<Entrance> {
  const { engine, container, user, restoreId, signal } = target;
  if (!/^[\w-]{1,32}$/.test(restoreId)) throw new BackupError("USAGE", `${restoreId} cannot name a restore`);
  const application = `erlmcp-restore-${restoreId}`;
  const settings = options.map((option) => `-c ${option}`).join(" ");
  const databases = database === undefined ? ["postgres", "template1", controlDatabase(restoreId)] : [database];
  return openAccess({ engine, container, user, application, signal, options: settings }, databases);
}
