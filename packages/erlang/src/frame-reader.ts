import { Buffer } from "node:buffer";
import { BackupError } from "@erlmcp/errors";
import { decodeTerm, type Term } from "./etf.ts";
import type { RowSorter } from "./row-sorter.ts";

const maxControlBytes = 64 * 1024 * 1024; // an inventory; all others are tiny

/** Reads the frames that the agent sends, control terms one by one, rows in bulk. */
export class FrameReader {
  #left: Buffer = Buffer.alloc(0);
  readonly #chunks: AsyncIterator<Uint8Array>;
  ended = false; // nothing more comes

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next control term. @throws BackupError FAILED when the stream ends, or a row comes instead */
  async control(): Promise<Term> {
    const head = (await this.#atLeast(4)).readUInt32BE(0);
    if (head < 0x8000_0000) throw new BackupError("FAILED", "the node sent a row where none was asked for");
    const length = head - 0x8000_0000;
    if (length > maxControlBytes) throw new BackupError("FAILED", `the node sent a control frame of ${length} bytes`);
    const bytes = await this.#atLeast(4 + length);
    this.#left = bytes.subarray(4 + length);
    return decodeTerm(bytes.subarray(4, 4 + length));
  }

  /** Feeds rows into the sorter up to the next control frame. */
  async rowsInto(sorter: RowSorter): Promise<void> {
    let chunk = this.#left;
    this.#left = Buffer.alloc(0);
    for (;;) {
      const rest = await sorter.push(chunk);
      if (rest !== undefined) {
        this.#left = rest;
        return;
      }
      chunk = await this.#next();
    }
  }

  /** Reads to the end what nobody wants. */
  async drain(): Promise<void> {
    while (!this.ended) this.ended = (await this.#chunks.next()).done === true;
  }

  async #atLeast(length: number): Promise<Buffer> {
    while (this.#left.length < length) this.#left = Buffer.concat([this.#left, await this.#next()]);
    return this.#left;
  }

  async #next(): Promise<Buffer> {
    const next = await this.#chunks.next();
    if (next.done === true) {
      this.ended = true;
      throw new BackupError("FAILED", "the connection to the node ended early");
    }
    const { value } = next;
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
}
