import { Buffer } from "node:buffer";
import { compareKeys, type Cursor } from "./cursor.ts";
import type { RowOrder } from "./row-order.ts";
import { deadKinds, isDelete } from "./row-scan.ts";

const blockBytes = 256 * 1024;

export interface MergeStats {
  rows: number;
  bytes: number;
  dead: Record<keyof typeof deadKinds, number>; // rows that hold such a term
}

export function newMergeStats(): MergeStats {
  return { rows: 0, bytes: 0, dead: { pid: 0, port: 0, reference: 0, function: 0 } };
}

/**
 * Merges sorted runs into blocks of frames. Of the rows of one key in a set the last remains; a delete takes back
 * all before it. Runs are given in the order they came, which is the order of rows with equal keys.
 *
 * A block ends between two keys, so that rows can be taken back; only bags without any delete are cut anywhere.
 */
export async function* mergeRuns(
  cursors: readonly Cursor[],
  options: { order: RowOrder; deletes: boolean; stats: MergeStats },
): AsyncGenerator<Buffer> {
  const heap = new CursorHeap();
  for (const [age, cursor] of cursors.entries()) if (await step(cursor)) heap.push(cursor, age);
  const block = new Block(options.stats);
  const single = options.order.type === "set" || options.order.type === "ordered_set";
  const key = new KeyMemory();
  for (let cursor = heap.top; cursor !== undefined; cursor = heap.top) {
    const same = key.is(cursor);
    if (!same) {
      if (block.filled >= blockBytes) yield block.take();
      block.beginKey();
      key.remember(cursor);
    }
    if (same && single) block.takeBack();
    if (options.order.deletes && isDelete(cursor.flags)) block.takeBack();
    else block.add(cursor);
    if (!single && !options.deletes && block.filled >= blockBytes) yield block.take();
    const state = cursor.advance();
    heap.settle(state === "wait" ? await step(cursor) : state === "row");
  }
  if (block.filled > 0) yield block.take();
  else block.beginKey();
}

/** Goes to the next row, reading on where needed. */
async function step(cursor: Cursor): Promise<boolean> {
  let state = cursor.advance();
  while (state === "wait") {
    await cursor.fill();
    state = cursor.advance();
  }
  return state === "row";
}

/** The key of the row before, where it lies: buffers are never written over while their rows are merged. */
class KeyMemory {
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = -1;
  #prefix = -1;

  is(cursor: Cursor): boolean {
    if (cursor.prefix !== this.#prefix || cursor.keyEnd - cursor.keyStart !== this.#end - this.#start) return false;
    // From the end: keys that follow one another differ there.
    for (let i = this.#end - this.#start - 1; i >= 0; i -= 1) {
      if (this.#bytes[this.#start + i] !== cursor.keyBytes[cursor.keyStart + i]) return false;
    }
    return true;
  }

  remember(cursor: Cursor): void {
    this.#bytes = cursor.keyBytes;
    this.#start = cursor.keyStart;
    this.#end = cursor.keyEnd;
    this.#prefix = cursor.prefix;
  }
}

/** Output that remembers where the rows of the current key begin. */
class Block {
  filled = 0;
  #bytes = Buffer.allocUnsafe(2 * blockBytes);
  #keyFrom = 0;
  #keyRows = 0; // of the current key that are still in the block
  #keyFlags: number[] = []; // of those with dead terms
  readonly #stats: MergeStats;

  constructor(stats: MergeStats) {
    this.#stats = stats;
  }

  beginKey(): void {
    this.#keyFrom = this.filled;
    this.#stats.rows += this.#keyRows;
    this.#keyRows = 0;
    if (this.#keyFlags.length > 0) this.#count();
  }

  add(cursor: Cursor): void {
    const { start, end, flags } = cursor;
    if (this.filled + end - start > this.#bytes.length) this.#grow(end - start);
    cursor.bytes.copy(this.#bytes, this.filled, start, end);
    this.filled += end - start;
    this.#keyRows += 1;
    if (flags !== 0) this.#keyFlags.push(flags);
  }

  takeBack(): void {
    this.filled = this.#keyFrom;
    this.#keyRows = 0;
    this.#keyFlags.length = 0;
  }

  take(): Buffer {
    const block = this.#bytes.subarray(0, this.filled);
    this.#stats.bytes += block.length;
    this.#bytes = Buffer.allocUnsafe(2 * blockBytes);
    this.beginKey(); // counts what leaves
    this.filled = 0;
    this.#keyFrom = 0;
    return block;
  }

  #count(): void {
    const { dead } = this.#stats;
    for (const flags of this.#keyFlags) {
      if ((flags & deadKinds.pid) !== 0) dead.pid += 1;
      if ((flags & deadKinds.port) !== 0) dead.port += 1;
      if ((flags & deadKinds.reference) !== 0) dead.reference += 1;
      if ((flags & deadKinds.function) !== 0) dead.function += 1;
    }
    this.#keyFlags.length = 0;
  }

  #grow(length: number): void {
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.filled + length));
    this.#bytes.copy(larger, 0, 0, this.filled);
    this.#bytes = larger;
  }
}

/** A binary heap of cursors by key, then by age. */
class CursorHeap {
  readonly #cursors: Cursor[] = [];
  readonly #ages: number[] = [];

  get top(): Cursor | undefined {
    return this.#cursors[0];
  }

  push(cursor: Cursor, age: number): void {
    this.#cursors.push(cursor);
    this.#ages.push(age);
    for (let child = this.#cursors.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Puts the top where it belongs after it moved on, or drops it at its end. */
  settle(alive: boolean): void {
    if (!alive) {
      const last = this.#cursors.length - 1;
      this.#swap(0, last);
      this.#cursors.length = last;
      this.#ages.length = last;
    }
    const count = this.#cursors.length;
    for (let parent = 0; ;) {
      let least = parent;
      const left = 2 * parent + 1;
      if (left < count && this.#before(left, least)) least = left;
      if (left + 1 < count && this.#before(left + 1, least)) least = left + 1;
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #before(left: number, right: number): boolean {
    const a = this.#cursors[left];
    const b = this.#cursors[right];
    if (a === undefined || b === undefined) return false;
    const difference = compareKeys(a, b);
    return difference === 0 ? (this.#ages[left] ?? 0) < (this.#ages[right] ?? 0) : difference < 0;
  }

  #swap(left: number, right: number): void {
    const cursor = this.#cursors[left];
    const other = this.#cursors[right];
    if (cursor === undefined || other === undefined) return;
    this.#cursors[left] = other;
    this.#cursors[right] = cursor;
    const age = this.#ages[left] ?? 0;
    this.#ages[left] = this.#ages[right] ?? 0;
    this.#ages[right] = age;
  }
}
