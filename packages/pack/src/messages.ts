import type { FileXattrs } from "@erlmcp/entry";
import type { Cipher } from "@erlmcp/crypto";
import type { SegmentPlace } from "./layout.ts";
import type { ChunkSizes } from "./chunking.ts";
import type { PackWrite } from "./pack-builder.ts";

/** Memory that the main thread and the workers see both: whoever has been handed it may write it. */
export type Slab = Uint8Array<SharedArrayBuffer>;

/** What every worker is told when it starts. The secrets go to our own threads only. */
export interface WorkerSettings {
  dataKey: Uint8Array | undefined; // undefined: nothing is encrypted
  generationKey: Uint8Array | undefined;
  cipher: Cipher;
  level: number;
  packCounter: SharedArrayBuffer; // one 32-bit word: the number of the last pack
}

/** A run of bytes of a file, to be read to the slab. */
export type Extent = [offset: number, length: number];

export interface CutTask {
  op: "cut";
  slab: Slab;
  start: number;
  end: number;
  sizes: ChunkSizes;
  final: boolean; // the stream ends here: the last bytes are a chunk, whatever their length
  load: { fd: number; extents: Extent[] } | undefined; // read these to the slab first, from `start` on
}

/** Comes before the rest of the result, so that another thread can go on with the stream. */
export interface CutBoundary {
  next: number; // bytes before this are in chunks; those from here on belong to the next slab
  end: number; // less than was asked for when the file has shrunk
}

export interface CutResult {
  ends: Uint32Array<ArrayBuffer>; // offset in the slab after each chunk
  ids: Uint8Array<ArrayBuffer>;
}

export interface FilesTask {
  op: "files";
  slab: Slab;
  sizes: ChunkSizes;
  paths: Uint8Array<ArrayBuffer>; // each ends in NUL; in memory of its own, which the task takes along
}

/** fstat's facts of an open file. */
export interface FileFacts {
  size: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: bigint;
  ctime: bigint;
  inode: bigint;
}

/** An error as it crosses threads. */
export interface SystemFailure {
  code: string;
  message: string;
}

export type FileOutcome =
  | { kind: "read"; facts: FileFacts; chunks: number; bytes: number; unstable: boolean; xattrs: FileXattrs }
  | { kind: "large"; fd: number; facts: FileFacts; extents: Extent[] | undefined } // to be read slab by slab
  | { kind: "failed"; failure: SystemFailure };

/** Outcomes of the first paths; those that no longer fit are to be asked for again. */
export interface FilesResult extends CutResult {
  starts: Uint32Array<ArrayBuffer>;
  outcomes: FileOutcome[];
}

/** A segment to be sealed: runs of a slab, and the records of the chunks in them. */
export interface SegmentRequest {
  runs: [start: number, end: number][];
  records: Uint8Array;
}

export interface SealTask {
  op: "seal";
  slab: Slab;
  segments: SegmentRequest[];
}

export interface SealResult {
  places: SegmentPlace[];
  writes: PackWrite[];
}

/** Ends the pack that the worker has open. */
export interface EndTask {
  op: "end";
}

export interface EndResult {
  writes: PackWrite[];
}

export type Task = CutTask | FilesTask | SealTask | EndTask;

export type Outcome =
  | { op: "cut"; result: CutResult }
  | { op: "files"; result: FilesResult }
  | { op: "seal"; result: SealResult }
  | { op: "end"; result: EndResult };

export type Reply =
  | { id: number; type: "boundary"; boundary: CutBoundary }
  | { id: number; type: "done"; outcome: Outcome }
  | { id: number; type: "failed"; failure: SystemFailure };
