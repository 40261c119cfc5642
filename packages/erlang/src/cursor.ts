import { Buffer } from "node:buffer";
import type { RowOrder } from "./row-order.ts";
import { newRowScan, rowFlags, scanRow } from "./row-scan.ts";
import type { Run } from "./run.ts";
import { writeSortKey } from "./sort-key.ts";
import type { SpillReader } from "./spill.ts";

/** A walk over one sorted run. The fields tell where the current row and its sort key lie. */
export interface Cursor {
  bytes: Buffer;
  start: number;
  end: number;
  keyBytes: Buffer;
  keyStart: number;
  keyEnd: number;
  prefix: number; // the first 6 bytes of the sort key as a number, which nearly always decides a comparison
  flags: number;
  /** Goes to the next row. "wait": `fill` first; "end": there is none. */
  advance(): "row" | "wait" | "end";
  fill(): Promise<void>;
}

/** Over a run in memory whose rows are in order. */
export function memoryCursor(run: Run): Cursor {
  const { bytes, rows, starts, keyStarts, keyEnds, flags, scanned } = run;
  let next = 0;
  return {
    bytes,
    start: 0,
    end: 0,
    keyBytes: bytes,
    keyStart: 0,
    keyEnd: 0,
    prefix: 0,
    flags: 0,
    advance() {
      if (next === rows) return "end";
      const row = next;
      next += 1;
      this.start = starts[row] ?? 0;
      this.end = next === rows ? scanned : (starts[next] ?? 0);
      this.keyStart = keyStarts[row] ?? 0;
      this.keyEnd = keyEnds[row] ?? 0;
      this.prefix = keyPrefix(bytes, this.keyStart, this.keyEnd);
      this.flags = flags[row] ?? 0;
      return "row";
    },
    fill: () => Promise.resolve(),
  };
}

/** Over a run that was written out. What it reads was checked when it came in. */
export function spillCursor(reader: SpillReader, order: RowOrder): Cursor {
  const blocks = reader[Symbol.asyncIterator]();
  const scan = newRowScan();
  let ended = false;
  let next = 0; // where the next row begins
  return {
    bytes: Buffer.alloc(0),
    start: 0,
    end: 0,
    keyBytes: Buffer.alloc(0),
    keyStart: 0,
    keyEnd: 0,
    prefix: 0,
    flags: 0,
    advance() {
      const left = this.bytes.length - next;
      const needed = left >= 4 ? 4 + this.bytes.readUInt32BE(next) : 4;
      if (left < needed) return ended && left === 0 ? "end" : "wait";
      this.start = next;
      this.end = next + needed;
      next = this.end;
      scanRow(this.bytes, this.start + 4, this.end, order.deletes ? 2 : order.keypos, scan);
      this.flags = rowFlags(scan.dead, scan.arity, order);
      this.keyBytes = this.bytes;
      this.keyStart = scan.keyStart;
      this.keyEnd = scan.keyEnd;
      if (scan.special) {
        const range = { start: scan.keyStart, end: scan.keyEnd };
        this.keyBytes = Buffer.allocUnsafe(2 * (range.end - range.start) + 16);
        this.keyStart = 0;
        this.keyEnd = writeSortKey(this.bytes, range, order.type === "ordered_set", { bytes: this.keyBytes, at: 0 });
      }
      this.prefix = keyPrefix(this.keyBytes, this.keyStart, this.keyEnd);
      return "row";
    },
    async fill() {
      const block = await blocks.next();
      const rest = this.bytes.subarray(next);
      if (block.done === true) {
        if (rest.length > 0) throw new Error("a spilled run ends in the middle of a row");
        ended = true;
        return;
      }
      this.bytes = Buffer.concat([rest, block.value]);
      next = 0;
    },
  };
}

const prefixBytes = 6; // what a number holds exactly

function keyPrefix(bytes: Buffer, start: number, end: number): number {
  let prefix = 0;
  for (let at = start; at < start + prefixBytes; at += 1) prefix = prefix * 256 + (at < end ? (bytes[at] ?? 0) : 0);
  return prefix;
}

/** The order of the current rows' keys. In plain code: a native call for each of some ten bytes costs more than it saves. */
export function compareKeys(left: Cursor, right: Cursor): number {
  if (left.prefix !== right.prefix) return left.prefix - right.prefix;
  const leftLength = left.keyEnd - left.keyStart;
  const rightLength = right.keyEnd - right.keyStart;
  const shared = Math.min(leftLength, rightLength);
  for (let i = prefixBytes; i < shared; i += 1) {
    const difference = (left.keyBytes[left.keyStart + i] ?? 0) - (right.keyBytes[right.keyStart + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
