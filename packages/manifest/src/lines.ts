import { bytesOf, comparePaths, Entry, LedgerLine } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { z } from "zod";
import { canonicalJson, parseJson } from "./canonical.ts";
import { checked } from "./checked.ts";

/** A file of a terabyte or a sparse map of a hundred thousand pieces fits; longer lines are not ours. */
export const lineLimitBytes = 16 * 1024 * 1024;

const newline = 0x0a;

/**
 * Turns entries into lines of the entry stream, one call an entry.
 * @throws BackupError FAILED when paths do not come in strictly ascending order (`comparePaths`)
 */
export function createEntryEncoder(): (entry: Entry) => Buffer {
  let last: Buffer | undefined;
  return (entry) => {
    const path = bytesOf(entry.path);
    if (last !== undefined && comparePaths(last, path) >= 0) {
      throw new BackupError(
        "FAILED",
        `entry ${JSON.stringify(entry.path)} comes after ${JSON.stringify(last.toString())}`,
      );
    }
    last = path;
    return encodeLine(entry);
  };
}

/** A value as one line of canonical JSON: the same value gives the same bytes, which deduplication lives on. */
export function encodeLine(value: Entry | LedgerLine): Buffer {
  const line = Buffer.from(`${canonicalJson(value)}\n`);
  if (line.length > lineLimitBytes)
    throw new BackupError("FAILED", `a line of ${line.length} bytes is too long to store`);
  return line;
}

/**
 * Reads an entry stream back, holding one line at a time.
 * @throws BackupError CORRUPT (FORMAT_UNKNOWN for unknown fields), naming `what` and the line
 */
export async function* decodeEntries(bytes: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Entry> {
  let last: Buffer | undefined;
  let number = 0;
  for await (const entry of decodeLines(bytes, Entry, what)) {
    number += 1;
    const path = bytesOf(entry.path);
    if (last !== undefined && comparePaths(last, path) >= 0) {
      throw new BackupError("CORRUPT", `${what} line ${number} is out of order`);
    }
    last = path;
    yield entry;
  }
}

/** Reads the coverage ledger back; errors as decodeEntries. */
export function decodeLedger(bytes: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<LedgerLine> {
  return decodeLines(bytes, LedgerLine, what);
}

async function* decodeLines<T>(
  bytes: AsyncIterable<Uint8Array>,
  schema: z.ZodType<T>,
  what: string,
): AsyncGenerator<T> {
  let number = 0;
  for await (const line of splitLines(bytes, what)) {
    number += 1;
    const name = `${what} line ${number}`;
    yield checked(schema, parseJson(line, name, lineLimitBytes), name);
  }
}

async function* splitLines(bytes: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const piece of bytes) {
    let start = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, start)) {
      const tail = piece.subarray(start, end);
      yield pending.length === 0 ? tail : Buffer.concat([...pending, tail]);
      [pending, pendingBytes] = [[], 0];
      start = end + 1;
    }
    const rest = piece.subarray(start);
    pendingBytes += rest.length;
    if (pendingBytes > lineLimitBytes)
      throw new BackupError("CORRUPT", `${what} has a line longer than ${lineLimitBytes} bytes`);
    if (rest.length > 0) pending.push(rest);
  }
  if (pendingBytes > 0) throw new BackupError("CORRUPT", `${what} ends within a line`);
}
