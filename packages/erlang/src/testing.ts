import { Buffer } from "node:buffer";
import type { Spill } from "./spill.ts";

/** Helpers of this package's tests: terms as Erlang's term_to_binary/2 writes them, and a spill in memory. */

export type Written =
  { tuple: Written[] } | { atom: string } | { float: number } | { pid: number } | number | bigint | string | Written[];

/** A row frame: length and term. */
export function frame(term: Written): Buffer {
  const bytes = Buffer.concat([Buffer.from([131]), write(term)]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

export function control(term: Written): Buffer {
  const bytes = frame(term);
  bytes.writeUInt32BE(bytes.readUInt32BE(0) + 0x8000_0000, 0);
  return bytes;
}

/** Strings are binaries, arrays lists. */
export function write(term: Written): Buffer {
  if (typeof term === "number" || typeof term === "bigint") return integer(BigInt(term));
  if (typeof term === "string") return Buffer.concat([sized(109, Buffer.byteLength(term)), Buffer.from(term)]);
  if (Array.isArray(term)) {
    if (term.length === 0) return Buffer.from([106]);
    return Buffer.concat([sized(108, term.length), ...term.map(write), Buffer.from([106])]);
  }
  if ("atom" in term) return Buffer.concat([Buffer.from([119, Buffer.byteLength(term.atom)]), Buffer.from(term.atom)]);
  if ("float" in term) {
    const bytes = Buffer.alloc(9);
    bytes[0] = 70;
    bytes.writeDoubleBE(term.float, 1);
    return bytes;
  }
  if ("pid" in term) {
    const numbers = Buffer.alloc(12);
    numbers.writeUInt32BE(term.pid);
    return Buffer.concat([Buffer.from([88]), write({ atom: "node@host" }), numbers]);
  }
  return Buffer.concat([Buffer.from([104, term.tuple.length]), ...term.tuple.map(write)]);
}

function sized(tag: number, size: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = tag;
  bytes.writeUInt32BE(size, 1);
  return bytes;
}

function integer(value: bigint): Buffer {
  if (value >= 0n && value <= 255n) return Buffer.from([97, Number(value)]);
  if (value >= -0x8000_0000n && value <= 0x7fff_ffffn) {
    const bytes = Buffer.alloc(5);
    bytes[0] = 98;
    bytes.writeInt32BE(Number(value), 1);
    return bytes;
  }
  const digits: number[] = [];
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 8n) digits.push(Number(rest & 255n));
  return Buffer.from([110, digits.length, value < 0n ? 1 : 0, ...digits]);
}

export async function gather(blocks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const block of blocks) parts.push(block);
  return Buffer.concat(parts);
}

/** The frames of a stream, one by one. */
export function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

/** Keeps what is spilled in memory, gives it back in odd pieces, and counts what was never discarded. */
export function memorySpill(pieceBytes = 1000): Spill & { written: number; open: number } {
  const spill = {
    written: 0,
    open: 0,
    create() {
      const parts: Buffer[] = [];
      spill.open += 1;
      return Promise.resolve({
        write(bytes: Uint8Array) {
          parts.push(Buffer.from(bytes));
          spill.written += bytes.length;
          return Promise.resolve();
        },
        finish: () =>
          Promise.resolve({
            async *[Symbol.asyncIterator]() {
              const all = Buffer.concat(parts);
              for (let at = 0; at < all.length; at += pieceBytes)
                yield await Promise.resolve(all.subarray(at, at + pieceBytes));
            },
            discard() {
              spill.open -= 1;
              return Promise.resolve();
            },
          }),
      });
    },
  };
  return spill;
}
