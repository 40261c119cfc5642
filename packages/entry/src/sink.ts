import type { ContentKind, ContentRef, Entry } from "./entry.ts";
import type { LedgerLine } from "./ledger.ts";

/** Where a source puts what it captures. One sink serves one source; its entries must come in the order of `compareByteStrings`, each path once. */
export interface CaptureSink {
  /** Stores a stream, reading it no faster than it can be stored. Rejects when the stream fails; nothing of it is then referenced. */
  stream(bytes: AsyncIterable<Uint8Array>, kind: ContentKind): Promise<ContentRef>;
  entry(entry: Entry): Promise<void>;
  ledger(line: LedgerLine): void;
  /** True when every chunk of `content` is still in the generation; marks what holds them as needed. */
  reuse(content: ContentRef): Promise<boolean>;
}

/** A file to be read by the worker threads. */
export interface FileRequest {
  path: Buffer; // absolute, opened without following a symbolic link at its end
}

/** The extended attributes of a file that is read, with its content: base64 as entries have them, or why they cannot be read. */
export type FileXattrs =
  | { values: Record<string, string> | undefined } // undefined: it has none
  | { failure: { code: string; message: string } };

/** What was read, with the facts of the open file at the end of the read that `content` comes from. */
export interface FileResult {
  content: ContentRef;
  size: number;
  sparse: [number, number][] | undefined;
  mode: number;
  uid: number;
  gid: number;
  mtime: bigint; // nanoseconds
  ctime: bigint;
  inode: bigint;
  unstable: boolean; // changed during each of the attempts
  xattrs: FileXattrs;
}

export interface FileSink extends CaptureSink {
  /** Reads and stores one file; many may be under way at once. Rejects with the system's error (`code`: ENOENT, EACCES, EIO …). */
  file(request: FileRequest): Promise<FileResult>;
}

/** What a source reports when it is through. `facts` go into the sealed part of the manifest, as they are. */
export interface SourceResult {
  facts: Record<string, unknown>;
}
