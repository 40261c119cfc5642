import { Buffer } from "node:buffer";
import { type Cursor, memoryCursor, spillCursor } from "./cursor.ts";
import { type MergeStats, mergeRuns, newMergeStats } from "./merge.ts";
import type { RowOrder } from "./row-order.ts";
import { Run } from "./run.ts";
import { sortRun } from "./sort-run.ts";
import type { Spill, SpillReader } from "./spill.ts";

export const runBytes = 32 * 1024 * 1024;

/** The memory that runs may take, shared by all tables of a job, one after the other. Buffers are reused. */
export class RunPool {
  readonly #free: Run[] = [];
  #lent = 0;
  #spare: Buffer = Buffer.alloc(0); // one more, to put the rows of a run in order
  readonly #limit: number;
  readonly #runBytes: number;

  constructor(options: { memoryBytes: number; runBytes?: number }) {
    this.#runBytes = options.runBytes ?? runBytes;
    this.#limit = Math.max(1, Math.floor(options.memoryBytes / this.#runBytes));
  }

  /** Undefined when all memory is in use: write a run out and give it back first. */
  take(): Run | undefined {
    if (this.#lent >= this.#limit) return undefined;
    this.#lent += 1;
    return this.#free.pop() ?? new Run(this.#runBytes);
  }

  /** Sorts the rows of a run that is complete. */
  sort(run: Run): void {
    this.#spare = run.arrange(sortRun(run), this.#spare);
  }

  give(run: Run): void {
    this.#lent -= 1;
    if (run.bytes.length !== this.#runBytes) return; // it grew for one huge row
    run.reset();
    this.#free.push(run);
  }
}

/**
 * Sorts the rows of one table by key, in bounded memory: runs are kept while there is room, then written out
 * through `spill`. Feed it with `push`, then read `rows` once, then `release`.
 */
export class RowSorter {
  readonly stats: MergeStats = newMergeStats();
  arrived = 0; // rows
  arrivedBytes = 0;
  crc = 0; // of all frames, as they came
  readonly #order: RowOrder;
  readonly #pool: RunPool;
  readonly #spill: Spill;
  #current: Run | undefined;
  #runs: { run: Run; cursor: Cursor }[] = []; // full and sorted, in the order they came; those written out came before them
  #spilled: SpillReader[] = [];
  #deletes = 0;

  constructor(order: RowOrder, options: { pool: RunPool; spill: Spill }) {
    this.#order = order;
    this.#pool = options.pool;
    this.#spill = options.spill;
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @returns what begins with a control frame (perhaps only part of it), or undefined when all was rows
   * @throws BackupError FAILED for malformed rows
   */
  async push(chunk: Buffer): Promise<Buffer | undefined> {
    let left = chunk;
    while (left.length > 0) {
      const run = this.#current ?? (await this.#begin());
      const before = { rows: run.rows, scanned: run.scanned };
      left = left.subarray(run.append(left));
      run.crc = this.crc;
      const state = run.scan(this.#order);
      this.crc = run.crc;
      this.arrived += run.rows - before.rows;
      this.arrivedBytes += run.scanned - before.scanned;
      if (state === "control") return Buffer.concat([run.takeRest(), left]);
      if (state === "full") {
        left = Buffer.concat([run.takeRest(), left]);
        this.#end(run);
      }
    }
    return undefined;
  }

  /** The rows in order, as blocks of frames. */
  async *rows(): AsyncGenerator<Buffer> {
    if (this.#current !== undefined) this.#end(this.#current);
    const cursors: Cursor[] = this.#spilled.map((reader) => spillCursor(reader, this.#order));
    for (const { cursor } of this.#runs) cursors.push(cursor);
    yield* mergeRuns(cursors, { order: this.#order, deletes: this.#deletes > 0, stats: this.stats });
  }

  /** Gives back memory and space, whatever happened. */
  async release(): Promise<void> {
    if (this.#current !== undefined) this.#pool.give(this.#current);
    this.#current = undefined;
    this.#giveRuns();
    for (const reader of this.#spilled) await reader.discard();
    this.#spilled = [];
  }

  async #begin(): Promise<Run> {
    let run = this.#pool.take();
    if (run === undefined) {
      await this.#writeOut();
      run = this.#pool.take();
    }
    if (run === undefined) throw new Error("the memory for sorting is in use by another table");
    this.#current = run;
    return run;
  }

  #end(run: Run): void {
    this.#deletes += run.deletes;
    this.#pool.sort(run);
    this.#runs.push({ run, cursor: memoryCursor(run) });
    this.#current = undefined;
  }

  #giveRuns(): void {
    for (const { run } of this.#runs) this.#pool.give(run);
    this.#runs = [];
  }

  /** Merges all runs in memory into one on disk; deletes stay in it, they may concern runs before. */
  async #writeOut(): Promise<void> {
    const writer = await this.#spill.create();
    const keepAll: RowOrder = { ...this.#order, type: "duplicate_bag", deletes: false };
    const cursors = this.#runs.map(({ cursor }) => cursor);
    for await (const block of mergeRuns(cursors, { order: keepAll, deletes: false, stats: newMergeStats() })) {
      await writer.write(block);
    }
    this.#spilled.push(await writer.finish());
    this.#giveRuns();
  }
}
