import type { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { BackupError } from "@erlmcp/errors";
import type { CaptureSink, DumpEntry, LedgerLine } from "@erlmcp/entry";
import type { Access } from "./access.ts";
import { completeOutput } from "./dump.ts";
import type { ServerFacts } from "./facts.ts";

/** Roles, memberships, tablespaces and settings of the server, stored; their entry comes after the databases'. */
export interface Globals {
  entry: DumpEntry;
  line: LedgerLine;
}

interface GlobalsWork {
  access: Access;
  server: ServerFacts;
  sink: CaptureSink;
  source: string;
}

/**
 * Stores what `pg_dumpall --globals-only` writes. It reads without a transaction, so it is asked twice: the same
 * answer twice held still. Role passwords are in it (as the server keeps them, not in plain) where we may read them.
 *
 * @returns undefined when it failed, and is in the ledger as such
 */
export async function storeGlobals(work: GlobalsWork, database: string): Promise<Globals | undefined> {
  const { access, server, sink, source } = work;
  const notes: string[] = [];
  if (!server.superuser) notes.push(`role ${server.user} is no superuser: the passwords of roles are missing`);
  const args = ["--globals-only", "--no-password", `--database=${database}`];
  if (!server.superuser) args.push("--no-role-passwords");
  const read = async (warn: (line: string) => void): Promise<Buffer> => {
    const exec = await access.program("pg_dumpall", args, database);
    return buffer(completeOutput(exec, { what: "pg_dumpall", archive: false, warn }));
  };
  try {
    const text = await read((line) => notes.push(line));
    const again = await read(() => undefined);
    const grade = comparable(text) === comparable(again) ? "fuzzy-verified" : "fuzzy";
    const content = await sink.stream(Readable.from([text], { objectMode: false }), "table");
    const facts = { format: "plain", roles: server.roles, passwords: server.superuser };
    const found = { component: "postgres", source, name: "globals", verdict: "captured", grade } as const;
    const line = { ...found, bytes: content.bytes, ...(notes.length > 0 && { notes }) };
    return { entry: { kind: "dump", path: "globals", facts, content }, line };
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "SOURCE_FAILED") throw error;
    sink.ledger({ component: "postgres", source, name: "globals", verdict: "failed", reason: error.message });
    return undefined;
  }
}

/** Without the random key by which psql tells the script from what is put into it. */
function comparable(text: Buffer): string {
  return text.toString("utf8").replaceAll(/^\\(?:un)?restrict .*$/gm, "");
}
