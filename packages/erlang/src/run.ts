import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { BackupError } from "@erlmcp/errors";
import { isDelete, newRowScan, rowFlags, scanRow } from "./row-scan.ts";
import type { RowOrder } from "./row-order.ts";
import { writeSortKey } from "./sort-key.ts";

export const maxRowBytes = 128 * 1024 * 1024;
const firstRows = 4096; // that arrays begin with
const maxRows = 1 << 20; // the sort has 24 bits for a row's number

/**
 * Rows as they came, back to back as frames of 4 bytes length and term, and where each begins and has its key.
 * Everything lies in typed arrays: no object per row. Sort keys that differ from the key's bytes are written from
 * the end of the buffer downwards.
 */
export class Run {
  bytes: Buffer;
  filled = 0; // bytes that came in
  scanned = 0; // of them whole rows
  rows = 0;
  deletes = 0; // of them such that take rows back
  crc = 0;
  starts = new Uint32Array(firstRows);
  keyStarts = new Uint32Array(firstRows);
  keyEnds = new Uint32Array(firstRows);
  flags = new Uint8Array(firstRows);
  #keysFrom: number; // where the written sort keys begin
  readonly #scan = newRowScan();

  constructor(bytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.#keysFrom = bytes;
  }

  reset(): void {
    this.filled = 0;
    this.scanned = 0;
    this.rows = 0;
    this.deletes = 0;
    this.crc = 0;
    this.#keysFrom = this.bytes.length;
  }

  /** Takes as much of `chunk` as there is room for, and says how much. */
  append(chunk: Buffer): number {
    const taken = chunk.copy(this.bytes, this.filled, 0, Math.min(chunk.length, this.#keysFrom - this.filled));
    this.filled += taken;
    return taken;
  }

  /**
   * Finds the rows in what was appended.
   *
   * @returns "more" when the rest is part of a frame, "full" when that frame has no room here, "control" at a control frame
   * @throws BackupError FAILED for a malformed row
   */
  scan(order: RowOrder): "more" | "full" | "control" {
    const { bytes, filled } = this;
    const from = this.scanned;
    let state: "more" | "full" | "control" = "more";
    let at = from;
    while (at + 4 <= filled) {
      const head = bytes.readUInt32BE(at);
      if (head >= 0x8000_0000) {
        state = "control";
        break;
      }
      if (head > maxRowBytes) throw new BackupError("FAILED", `a row of ${head} bytes is larger than a row may be`);
      const end = at + 4 + head;
      if (end > filled) break;
      if (!this.#add(at, end, order)) {
        state = "full";
        break;
      }
      at = end;
    }
    this.scanned = at;
    this.crc = crc32(bytes.subarray(from, at), this.crc);
    if (state === "more" && filled === this.#keysFrom && !this.#grow(at)) state = "full";
    return state;
  }

  /** What is left behind the last whole row; belongs to the next run or is a control frame. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.bytes.subarray(this.scanned, this.filled));
    this.filled = this.scanned;
    return rest;
  }

  /**
   * Puts the rows into `order`, so that merging reads memory from front to back: this is done while the node is
   * still sending, and merging while everybody waits.
   *
   * @param spare a buffer to write them into
   * @returns the buffer that is free now
   */
  arrange(order: Uint32Array, spare: Buffer): Buffer {
    const { bytes, rows, starts, keyStarts, keyEnds, flags } = this;
    const keysFrom = this.#keysFrom;
    const target = spare.length === bytes.length ? spare : Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(target, keysFrom, keysFrom); // written sort keys stay where they are
    const arranged = newArrays(Math.max(rows, firstRows));
    let at = 0;
    for (let i = 0; i < rows; i += 1) {
      const row = order[i] ?? 0;
      const start = starts[row] ?? 0;
      const end = row === rows - 1 ? this.scanned : (starts[row + 1] ?? 0);
      const keyStart = keyStarts[row] ?? 0;
      const shift = keyStart < keysFrom ? at - start : 0;
      bytes.copy(target, at, start, end);
      arranged.starts[i] = at;
      arranged.keyStarts[i] = keyStart + shift;
      arranged.keyEnds[i] = (keyEnds[row] ?? 0) + shift;
      arranged.flags[i] = flags[row] ?? 0;
      at += end - start;
    }
    Object.assign(this, arranged);
    this.bytes = target;
    return bytes;
  }

  #add(at: number, end: number, order: RowOrder): boolean {
    if (this.rows === maxRows) return false;
    const scan = this.#scan;
    const { bytes } = this;
    scanRow(bytes, at + 4, end, order.deletes ? 2 : order.keypos, scan);
    let keyStart = scan.keyStart;
    let keyEnd = scan.keyEnd;
    if (scan.special) {
      const room = 2 * (keyEnd - keyStart) + 16;
      if (this.#keysFrom - room < this.filled) return this.rows === 0 ? this.#makeRoom(room, [at, end], order) : false;
      const target = { bytes, at: this.#keysFrom - room };
      const length = writeSortKey(bytes, { start: keyStart, end: keyEnd }, order.type === "ordered_set", target);
      keyStart = target.at;
      keyEnd = target.at + length;
      this.#keysFrom = target.at;
    }
    const row = this.rows;
    if (row === this.starts.length) this.#growArrays();
    this.starts[row] = at;
    this.keyStarts[row] = keyStart;
    this.keyEnds[row] = keyEnd;
    this.flags[row] = rowFlags(scan.dead, scan.arity, order);
    if (isDelete(this.flags[row] ?? 0)) this.deletes += 1;
    this.rows = row + 1;
    return true;
  }

  #makeRoom(room: number, row: [number, number], order: RowOrder): boolean {
    this.#resize(this.filled + room);
    return this.#add(row[0], row[1], order);
  }

  /** A run that cannot hold even one frame grows for it. */
  #grow(at: number): boolean {
    if (at > 0) return false;
    this.#resize(Math.max(8192, this.filled >= 4 ? 4 + this.bytes.readUInt32BE(0) : 0) + 4096);
    return true;
  }

  #resize(size: number): void {
    const larger = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(larger, 0, 0, this.filled);
    this.bytes = larger;
    this.#keysFrom = size;
  }

  #growArrays(): void {
    const grown = newArrays(this.starts.length * 2);
    grown.starts.set(this.starts);
    grown.keyStarts.set(this.keyStarts);
    grown.keyEnds.set(this.keyEnds);
    grown.flags.set(this.flags);
    Object.assign(this, grown);
  }
}

type Arrays = Pick<Run, "starts" | "keyStarts" | "keyEnds" | "flags">;

function newArrays(rows: number): Arrays {
  return {
    starts: new Uint32Array(rows),
    keyStarts: new Uint32Array(rows),
    keyEnds: new Uint32Array(rows),
    flags: new Uint8Array(rows),
  };
}
