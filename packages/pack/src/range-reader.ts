/** A stored object, read by ranges. */
export interface RangeReader {
  readonly size: number;
  /** Exactly `length` bytes from `offset` on; rejects when the object ends before. */
  read(offset: number, length: number): Promise<Buffer>;
  close?(): Promise<void>;
}
