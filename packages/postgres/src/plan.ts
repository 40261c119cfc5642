import { Buffer } from "node:buffer";
import type { ListedDatabase } from "./facts.ts";

export interface PlannedDatabase {
  database: ListedDatabase;
  path: string; // of its entry
}

export interface LeftOut {
  name: string;
  verdict: "excluded" | "unreadable" | "failed";
  reason: string;
}

/** Which databases are dumped, in the order of their entries, and why the others are not. */
export function planDatabases(
  listed: readonly ListedDatabase[],
  wanted: readonly string[] | undefined,
): { dumped: PlannedDatabase[]; leftOut: LeftOut[] } {
  const dumped: PlannedDatabase[] = [];
  const leftOut: LeftOut[] = [];
  for (const database of listed) {
    const reason = whyNot(database, wanted);
    if (reason === undefined) dumped.push({ database, path: databasePath(database.name) });
    else leftOut.push({ name: database.name, ...reason });
  }
  for (const name of wanted ?? []) {
    if (!listed.some((database) => database.name === name)) {
      leftOut.push({
        name,
        verdict: "failed",
        reason: "the label erlmcp.backup.databases names it, and it does not exist",
      });
    }
  }
  return { dumped: dumped.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))), leftOut };
}

function whyNot(
  { name, row }: ListedDatabase,
  wanted: readonly string[] | undefined,
): Omit<LeftOut, "name"> | undefined {
  if (wanted !== undefined && !wanted.includes(name)) {
    return { verdict: "excluded", reason: "the label erlmcp.backup.databases does not name it" };
  }
  if (row.datconnlimit === -2) {
    return { verdict: "excluded", reason: "it is invalid: its removal was interrupted, and it can only be dropped" };
  }
  if (row.datallowconn) return undefined;
  if (name === "template0") return { verdict: "excluded", reason: "template0 is the same in every server" };
  return { verdict: "unreadable", reason: "it allows no connections (ALTER DATABASE … ALLOW_CONNECTIONS true)" };
}

/** A database's name as one name of a path: it may hold any character but a zero. */
export function databasePath(name: string): string {
  const plain = name.replaceAll("%", "%25").replaceAll("/", "%2F");
  return `databases/${/^\.\.?$/.test(plain) ? plain.replaceAll(".", "%2E") : plain}`;
}
