import { Buffer } from "node:buffer";

/** Keeps the last `limitBytes` of a text stream, for the message of a failure. */
export class Tail {
  readonly #limitBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(piece: Uint8Array): void {
    this.#pieces.push(Buffer.from(piece)); // a copy: the piece may be a view of a far larger read
    this.#bytes += piece.length;
    for (let first = this.#pieces[0]; first !== undefined; first = this.#pieces[0]) {
      if (this.#bytes - first.length < this.#limitBytes) break;
      this.#pieces.shift();
      this.#bytes -= first.length;
    }
  }

  text(): string {
    return Buffer.concat(this.#pieces).subarray(-this.#limitBytes).toString("utf8");
  }
}
