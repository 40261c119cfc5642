/** Where a run puts its objects; implemented by whoever owns the repository. Errors propagate as they are. */
export interface PackTarget {
  /** @param name relative to the restore point: "packs/000001.pack", "chunks.idx" */
  create(name: string): Promise<PackFile>;
}

export interface PackFile {
  /** Appends. Never called again before the last call has come back. */
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes to disk and closes; called once, also after a failure. */
  close(): Promise<void>;
}
