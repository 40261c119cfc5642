import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import { deadKinds, newRowScan, skipTerms } from "./row-scan.ts";

/** Four 32-bit sums of the words of the rows' MD5: equal for the same rows in whatever order. */
export type Sum = readonly [number, number, number, number];

/** What a stream of rows adds up to, as `erlmcp_drill.erl` adds up a table. */
export interface RowSum {
  readonly rows: number;
  readonly sum: Sum;
  readonly closures: number; // rows that hold closures, which another VM writes otherwise
  readonly openSum: Sum; // of the rows that hold none
}

/** Adds up captured rows as they pass by: frames of a 4-byte length and an external term. */
export function createRowSummer(): { add: (block: Uint8Array) => void; end: () => RowSum } {
  const all = [0, 0, 0, 0];
  const open = [0, 0, 0, 0];
  const scan = newRowScan();
  let rows = 0;
  let closures = 0;
  let left: Buffer = Buffer.alloc(0);
  const row = (bytes: Buffer): void => {
    scan.dead = 0;
    if (skipTerms(bytes, 1, bytes.length, 1, scan) !== bytes.length) throw malformed();
    const digest = hash("md5", bytes, "buffer");
    const closed = (scan.dead & deadKinds.function) !== 0;
    rows += 1;
    if (closed) closures += 1;
    for (let word = 0; word < 4; word += 1) {
      const value = digest.readUInt32BE(4 * word);
      all[word] = ((all[word] ?? 0) + value) % 0x1_0000_0000;
      if (!closed) open[word] = ((open[word] ?? 0) + value) % 0x1_0000_0000;
    }
  };
  return {
    add(block) {
      const piece = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
      let bytes = left.length === 0 ? piece : Buffer.concat([left, piece]);
      while (bytes.length >= 4) {
        const length = bytes.readUInt32BE(0);
        if (bytes.length < 4 + length) break;
        row(bytes.subarray(4, 4 + length));
        bytes = bytes.subarray(4 + length);
      }
      left = bytes;
    },
    end() {
      if (left.length > 0) throw malformed();
      return { rows, sum: asSum(all), closures, openSum: asSum(open) };
    },
  };
}

function asSum([a = 0, b = 0, c = 0, d = 0]: readonly number[]): Sum {
  return [a, b, c, d];
}

function malformed(): BackupError {
  return new BackupError("CORRUPT", "a captured table holds bytes that are no row", {
    hint: "Run verify, and take another restore point.",
  });
}
