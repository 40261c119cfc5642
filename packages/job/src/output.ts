import { createHash } from "node:crypto";
import type { Writable } from "node:stream";

/** One of the two standard streams; what goes through it is hashed, so that a receipt can vouch for it. */
export interface Output {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly bytes: number; // written so far
  write(data: string | Uint8Array): void;
  /** SHA-256 (hex) of everything written so far. */
  sha256(): string;
}

type Terminal = Writable & { isTTY?: boolean; columns?: number };

/** Names of files and tables get printed: a terminal must not obey them, nor show them in another order. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (control) =>
    control === "\n" || control === "\t" ? control : " ",
  );
}

/** @param terminalColumns width of the terminal that a launcher has at the other end of a pipe; 0 when it has none */
export function createOutput(stream: Terminal, terminalColumns?: number): Output {
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    isTTY: terminalColumns === undefined ? stream.isTTY === true : terminalColumns > 0,
    get columns() {
      return terminalColumns || (stream.columns ?? 80);
    },
    get bytes() {
      return bytes;
    },
    write(data) {
      hash.update(data);
      bytes += Buffer.byteLength(data);
      stream.write(data);
    },
    sha256: () => hash.copy().digest("hex"),
  };
}

/** An output whose texts are shown on a terminal as what they say, if it is one. Bytes pass as they are. */
export function readableOn(output: Output): Output {
  if (!output.isTTY) return output;
  return {
    isTTY: output.isTTY,
    get columns() {
      return output.columns;
    },
    get bytes() {
      return output.bytes;
    },
    write: (data) => output.write(typeof data === "string" ? printable(data) : data),
    sha256: () => output.sha256(),
  };
}
