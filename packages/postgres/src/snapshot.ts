import { Buffer } from "node:buffer";
import { z } from "zod";
import { BackupError } from "@erlmcp/errors";
import type { Exec } from "@erlmcp/docker";
import { explain, type Access } from "./access.ts";
import { contentsSql, DatabaseContents } from "./facts.ts";

/** A moment of one database that any connection can look at while it is held. */
export const Snapshot = z.object({
  id: z.string().regex(/^[0-9A-F]+-[0-9A-F]+(-[0-9A-F]+)*$/),
  takenAt: z.string(), // the server's clock, RFC 3339
  lsn: z.string().nullable(), // WAL position: written on a primary, replayed on a standby
  contents: DatabaseContents,
});
export type Snapshot = z.infer<typeof Snapshot>;

export interface HeldSnapshot extends Snapshot {
  release(): Promise<void>;
}

/** Time limits that an operator has set for applications are no use for a transaction that has to stay. */
export const unlimited = `SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout',
  'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout') \\g /dev/null
SELECT set_config(name, '1000', false) FROM pg_settings WHERE name = 'client_connection_check_interval' \\g /dev/null
`;

const take = `${unlimited}BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT replace(json_build_object('id', pg_export_snapshot(), 'takenAt', clock_timestamp(), 'lsn',
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
  'contents', ${contentsSql})::text, chr(10), ' ');
`;

/**
 * Opens a transaction in `database` and keeps it open until it is released; it is idle meanwhile.
 *
 * @throws BackupError SOURCE_FAILED with the server's words
 */
export async function holdSnapshot(access: Access, database: string): Promise<HeldSnapshot> {
  const session = await access.session(database);
  session.stdin.write(take);
  const output = session.stdout[Symbol.asyncIterator]();
  const line = await firstLine(output);
  if (line === undefined) {
    const failure = explain({ exitCode: await session.exitCode, stderr: session.stderr() });
    throw new BackupError("SOURCE_FAILED", `database ${database}: ${failure}`);
  }
  const snapshot = Snapshot.parse(JSON.parse(line));
  return { ...snapshot, release: () => release(session, output) };
}

async function release(session: Exec, output: AsyncIterator<Buffer>): Promise<void> {
  session.stdin.end("ROLLBACK;\n");
  while (!(await output.next()).done);
  await session.exitCode;
}

/** undefined when the output ends before. */
async function firstLine(output: AsyncIterator<Buffer>): Promise<string | undefined> {
  let bytes = Buffer.alloc(0);
  while (!bytes.includes("\n")) {
    const next = await output.next();
    if (next.done) return undefined;
    bytes = Buffer.concat([bytes, next.value]);
  }
  return bytes.subarray(0, bytes.indexOf("\n")).toString("utf8");
}
