/**
 * Where sorted runs go that memory cannot hold. The job gives an implementation that seals them under a key
 * which never leaves its memory: rows must not lie in the clear on a disk.
 */
export interface Spill {
  create(): Promise<SpillWriter>;
}

export interface SpillWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** Ends writing. What was written can then be read once, in order. */
  finish(): Promise<SpillReader>;
}

export interface SpillReader extends AsyncIterable<Uint8Array> {
  /** Frees the space, read or not. */
  discard(): Promise<void>;
}
