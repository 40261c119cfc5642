/** What is to be stored: bytes, or a function that gives them from the beginning each time, so that a put can be retried. */
export type Body = Uint8Array | (() => AsyncIterable<Uint8Array>);

export interface ObjectInfo {
  key: string;
  bytes: number;
}

/** `offset` and `bytes` of an object; both must lie within it. */
export interface Range {
  offset: number;
  bytes: number;
}

/** What a store in the cloud keeps beside the bytes. One that has no place for it refuses: nothing is dropped in silence. */
export interface Attributes {
  storageClass?: string; // instead of the store's own
  retainUntil?: Date; // nobody may delete or replace it before
  tags?: Readonly<Record<string, string>>; // what operators and lifecycle rules filter by
  metadata?: Readonly<Record<string, string>>; // lower-case names, printable ASCII
}

export interface PutOptions {
  ifAbsent?: boolean; // store nothing when the key is there (If-None-Match: *)
  sha256?: string; // hex; the store refuses bytes that have another, before they become visible
  bytes?: number; // length; the same
  attributes?: Attributes;
  signal?: AbortSignal;
}

/**
 * Where a repository lies: keys that name immutable bytes. Keys are relative paths of printable names (`ID/packs/000001.pack`).
 * A put is all or nothing, and visible to every later call once it has resolved.
 */
export interface ObjectStore {
  /** What operators call it: a folder, `s3://bucket/prefix`. */
  readonly name: string;
  /** `exists` only with ifAbsent. @throws BackupError STORE_FAILED, DISK_FULL; CORRUPT when the bytes have another SHA-256 or length */
  put(key: string, body: Body, options?: PutOptions): Promise<"stored" | "exists">;
  /** Streams an object or exactly a range of it. @throws BackupError NOT_FOUND; CORRUPT when the range is not all there */
  get(key: string, range?: Range, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  stat(key: string): Promise<ObjectInfo | undefined>;
  /** All keys that begin with `prefix`, ascending by UTF-8 bytes. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** The names before the first `/` of all keys below `prefix` (empty or ending in `/`), ascending, once each. */
  folders(prefix: string): AsyncIterable<string>;
  /** Keys that are not there are no error. */
  delete(keys: readonly string[]): Promise<void>;
}
