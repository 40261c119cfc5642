import { createHash } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import type { Body, ObjectStore, PutOptions, Range } from "./object-store.ts";

/** The bytes of a body, in pieces, from the beginning. */
export async function* piecesOf(body: Body): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* body();
}

/** Passes bytes through; when all have passed, throws unless they have the SHA-256 and the length that were promised. */
export async function* checkBody(
  pieces: AsyncIterable<Uint8Array>,
  { sha256, bytes }: Pick<PutOptions, "sha256" | "bytes">,
  key: string,
): AsyncGenerator<Uint8Array> {
  const hash = sha256 === undefined ? undefined : createHash("sha256");
  let passed = 0;
  for await (const piece of pieces) {
    hash?.update(piece);
    passed += piece.length;
    yield piece;
  }
  if (bytes !== undefined && passed !== bytes)
    throw new BackupError("CORRUPT", `${key} has ${passed} bytes, not ${bytes}`);
  const actual = hash?.digest("hex");
  if (actual !== sha256) throw new BackupError("CORRUPT", `${key} has SHA-256 ${actual}, not ${sha256}`);
}

/** @throws BackupError CONFIG_INVALID when there are any: for stores that have no place for them */
export function refuseAttributes({ attributes = {} }: PutOptions, name: string): void {
  const names = Object.keys(attributes);
  if (names.length > 0) throw new BackupError("CONFIG_INVALID", `${name} cannot keep ${names.join(", ")} of an object`);
}

/**
 * A small object whole.
 * @throws BackupError NOT_FOUND; CORRUPT when it is longer than `limitBytes`
 */
export async function readObject(store: ObjectStore, key: string, limitBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of store.get(key)) {
    bytes += piece.length;
    if (bytes > limitBytes) throw new BackupError("CORRUPT", `${key} is longer than ${limitBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Reads ranges of one object into memory, as the read side of packs wants it. */
export interface RangeReader {
  readonly size: number; // of the object, bytes
  /** Exactly `bytes` bytes from `offset` on. @throws BackupError CORRUPT when they are not all there */
  read(offset: number, bytes: number): Promise<Buffer>;
  close(): Promise<void>;
}

/**
 * A range reader over any store.
 * @throws BackupError CORRUPT when the object is missing: what a manifest names is there, or the restore point is damaged
 */
export async function rangeReaderOf(store: ObjectStore, key: string): Promise<RangeReader> {
  const info = await store.stat(key);
  if (info === undefined) throw new BackupError("CORRUPT", `${store.name} has no ${key}`);
  return {
    size: info.bytes,
    async read(offset, bytes) {
      const pieces: Uint8Array[] = [];
      for await (const piece of store.get(key, { offset, bytes })) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    close: () => Promise.resolve(),
  };
}

/** @throws BackupError CORRUPT unless all of `range` lies within the `size` bytes of the object */
export function checkRange(range: Range, size: number, key: string): void {
  if (range.offset < 0 || range.bytes < 0 || range.offset + range.bytes > size) {
    throw new BackupError("CORRUPT", `${key} has ${size} bytes, wanted ${range.bytes} from ${range.offset} on`);
  }
}
