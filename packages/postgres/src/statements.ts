import { BackupError } from "@erlmcp/errors";

/** One statement of a script, without its semicolon. */
export interface Statement {
  text: string;
  bare: string; // the same with nothing in its quotes, to be told by its words
}

const comment = String.raw`--[^\n]*`;
const metaCommand = String.raw`\\(?:un)?(?:restrict|connect|encoding)\b[^\n]*`; // of psql, as pg_dump writes them
const escaped = String.raw`[eE]'(?:[^'\\]|''|\\[\s\S])*'`;
const constant = String.raw`'(?:[^']|'')*'`;
const identifier = String.raw`"(?:[^"]|"")*"`;
const word = String.raw`[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*`;
const other = String.raw`[^'"\\$]`;
const token = new RegExp(
  `(${comment}|${metaCommand})|(${escaped}|${constant}|${identifier})|(;)|(${word}|${other})`,
  "uy",
);

/**
 * Takes a script apart that pg_dump, pg_dumpall or pg_restore wrote for roles, databases and tablespaces. What these
 * don't write is refused rather than guessed: a backslash outside quotes would be an order to psql.
 *
 * @param what for messages
 * @throws BackupError CORRUPT
 */
export function splitStatements(script: string, what: string): Statement[] {
  const statements: Statement[] = [];
  let text = "";
  let bare = "";
  let at = 0;
  while (at < script.length) {
    token.lastIndex = at;
    const match = token.exec(script);
    const [whole, skipped, quoted, end] = match ?? [];
    if (whole === undefined) throw new BackupError("CORRUPT", `${what}: it is no script that pg_dump writes`);
    at = token.lastIndex;
    if (skipped !== undefined) continue;
    if (end === undefined) {
      text += whole;
      bare += quoted === undefined ? whole : whole.replaceAll(/(?<=^[eE]?['"])[\s\S]*(?=['"]$)/g, "");
      continue;
    }
    statements.push({ text: text.trim(), bare: bare.trim() });
    text = "";
    bare = "";
  }
  if (text.trim() !== "") throw new BackupError("CORRUPT", `${what}: it ends within a statement`);
  return statements;
}

/** A pattern of one name in a statement, quoted or not. */
export const namePattern = String.raw`("(?:[^"]|"")*"|[^\s"';,()]+)`;

/** The name that was written so. */
export function readName(written: string): string {
  return written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written;
}

/** What a statement is, for messages: nothing of what stands in quotes. */
export function briefly({ bare }: Statement): string {
  return bare.split(/\s+/).slice(0, 4).join(" ");
}
