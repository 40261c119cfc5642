import { createHash } from "node:crypto";
import type { Writable } from "node:stream";

/** One of the two standard streams; what goes through it is hashed, so that a receipt can vouch for it. */
export interface Output {
  readonly isTTY: boolean;
  readonly columns: number;
  write(text: string): void;
  /** SHA-256 (hex) of everything written so far. */
  sha256(): string;
}

type Terminal = Writable & { isTTY?: boolean; columns?: number };

export function createOutput(stream: Terminal): Output {
  const hash = createHash("sha256");
  return {
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
    write(text) {
      hash.update(text);
      stream.write(text);
    },
    sha256: () => hash.copy().digest("hex"),
  };
}
