import {
  chunkIdKey,
  createPackSealer,
  plainSealer,
  sameBytes,
  type Cipher,
  type RunSecret,
  type Sealer,
} from "@erlmcp/crypto";
import type { ContentRef } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { createNameChunk } from "./chunk-id.ts";
import { wordsOfHex, type ChunkIndex, type ChunkPlace } from "./chunk-index.ts";
import { chunkRecordBytes, idBytes, packName, segmentTargetBytes } from "./layout.ts";
import type { RangeReader } from "./range-reader.ts";
import { corruptPack } from "./pack-footer.ts";
import { openSegment } from "./segment-reader.ts";

/** How a restore point is opened; undefined: it is not encrypted. */
export interface RestorePointKey {
  secret: RunSecret;
  cipher: Cipher;
}

export interface PackReaderOptions {
  index: ChunkIndex;
  /** @param name "packs/000001.pack" */
  open(restorePoint: string, name: string): Promise<RangeReader>;
  /** The key of each restore point of the index. */
  key(restorePoint: string): RestorePointKey | undefined;
}

/** A chunk as a list names it. */
export interface ListedChunk {
  id: string;
  length: number;
}

export interface PackReader {
  /**
   * The bytes of a content, in order. Each chunk's ID is recomputed before it is handed out.
   *
   * @throws BackupError CORRUPT that names restore point, pack, offset and chunk
   */
  read(content: ContentRef): AsyncGenerator<Buffer, void, undefined>;
  /** The list of `content` at a depth, 0 for the chunks of its data. At the depth of the content itself no lengths are known. */
  list(content: ContentRef, depth: number): AsyncGenerator<ListedChunk, void, undefined>;
  /** One chunk, checked. */
  chunk(id: string): Promise<Buffer>;
  close(): Promise<void>;
}

/**
 * Opened segments that are kept, in bytes of plaintext. A stream goes through the segments of all the incrementals before it side by
 * side, each of which holds a little of every part of it: with a hundred of them, each of a segment's size, all fit. Otherwise
 * a segment would be opened anew for each of its chunks, and the hundredth restore point read many times slower than the first.
 */
const keptSegmentBytes = 128 * segmentTargetBytes;
const openPacks = 128;

export function createPackReader(options: PackReaderOptions): PackReader {
  const { index } = options;
  const access = createAccess(options);
  const segments = createCache<Buffer>({ limit: keptSegmentBytes, weigh: ({ length }) => Math.max(1, length) });

  async function chunk(id: string): Promise<Buffer> {
    const number = index.find(wordsOfHex(id), 0);
    if (number === -1) {
      throw new BackupError("CORRUPT", `chunk ${id} is in none of ${index.restorePoints().join(", ")}`, {
        hint: "Run verify; take the restore point from a replica.",
      });
    }
    const place = index.place(number);
    const key = String(place.segmentNumber);
    const plaintext = await segments.get(key, async () => access.segment(place));
    const bytes = plaintext.subarray(place.offset, place.offset + place.length);
    if (!sameBytes(access.idOf(place.restorePoint, bytes), Buffer.from(id, "hex")))
      throw damaged(place, `chunk ${id} has other contents`);
    return bytes;
  }

  async function* list(content: ContentRef, depth: number): AsyncGenerator<ListedChunk, void, undefined> {
    if (depth === content.depth) {
      for (const id of content.chunks) yield { id, length: -1 };
      return;
    }
    let left = Buffer.alloc(0);
    for await (const { id } of list(content, depth + 1)) {
      left = Buffer.concat([left, await chunk(id)]);
      let at = 0;
      for (; at + chunkRecordBytes <= left.length; at += chunkRecordBytes) {
        yield { id: left.toString("hex", at, at + idBytes), length: left.readUInt32BE(at + idBytes) };
      }
      left = left.subarray(at);
    }
    if (left.length > 0) throw new BackupError("CORRUPT", "the list of a content ends within a record");
  }

  return {
    chunk,
    list,
    async *read(content) {
      let bytes = 0;
      for await (const { id, length } of list(content, 0)) {
        const data = await chunk(id);
        if (length !== -1 && length !== data.length) {
          throw new BackupError("CORRUPT", `chunk ${id} is ${data.length} bytes long, its content says ${length}`);
        }
        bytes += data.length;
        yield data;
      }
      if (bytes !== content.bytes) {
        throw new BackupError("CORRUPT", `a content of ${content.bytes} bytes has chunks of ${bytes}`);
      }
    },
    close: async () => access.close(),
  };
}

function damaged({ restorePoint, segment }: ChunkPlace, what: string): BackupError {
  return corruptPack({ restorePoint, number: segment.pack, offset: segment.offset }, what);
}

interface Access {
  segment(place: ChunkPlace): Promise<Buffer>;
  idOf(restorePoint: string, chunk: Uint8Array): Uint8Array;
  close(): Promise<void>;
}

/** What opens segments and names chunks under one key. */
export interface OpenedKey {
  sealer: Sealer;
  idOf: (chunk: Uint8Array) => Uint8Array;
}

function createAccess(options: PackReaderOptions): Access {
  const points = new Map<string, OpenedKey>();
  const packs = createCache<RangeReader>({
    limit: openPacks,
    weigh: () => 1,
    drop: async (reader) => reader.close?.(),
  });

  function opened(restorePoint: string): OpenedKey {
    const known = points.get(restorePoint) ?? openWith(options.key(restorePoint));
    points.set(restorePoint, known);
    return known;
  }

  return {
    idOf: (restorePoint, chunk) => opened(restorePoint).idOf(chunk),
    async segment(place) {
      const { restorePoint, segment } = place;
      const name = packName(segment.pack);
      const pack = await packs.get(`${restorePoint}/${name}`, async () => options.open(restorePoint, name));
      return openSegment({ restorePoint, file: pack, sealer: opened(restorePoint).sealer }, segment);
    },
    close: async () => packs.clear(),
  };
}

export function openWith(key: RestorePointKey | undefined): OpenedKey {
  const name = createNameChunk(key === undefined ? undefined : chunkIdKey(key.secret));
  const id = new Uint8Array(idBytes);
  return {
    sealer:
      key === undefined
        ? plainSealer
        : createPackSealer({ dataKey: key.secret.dataKey, cipher: key.cipher, random: never }),
    idOf(chunk) {
      name(chunk, id, 0);
      return id;
    },
  };
}

/** Nothing is sealed here. */
function never(): Buffer {
  throw new Error("a reader needs no randomness");
}

interface Cache<T> {
  get(key: string, make: () => Promise<T>): Promise<T>;
  clear(): Promise<void>;
}

interface CacheOptions<T> {
  readonly limit: number; // of the weights of all that is kept
  readonly weigh: (value: T) => number;
  readonly drop?: (value: T) => Promise<void>;
}

interface Kept<T> {
  readonly value: Promise<T>;
  weight: number; // 0 until it is there
}

/** The most recently used; what fails is not kept. */
function createCache<T>({ limit, weigh, drop }: CacheOptions<T>): Cache<T> {
  const kept = new Map<string, Kept<T>>();
  let total = 0;
  async function forget(key: string): Promise<void> {
    const entry = kept.get(key);
    kept.delete(key);
    if (entry === undefined) return;
    total -= entry.weight;
    await drop?.(await entry.value);
  }
  async function makeRoom(): Promise<void> {
    while (total > limit && kept.size > 1) {
      const [oldest] = kept.keys();
      if (oldest !== undefined) await forget(oldest);
    }
  }
  return {
    async get(key, make) {
      const entry = kept.get(key) ?? { value: make(), weight: 0 };
      kept.delete(key);
      kept.set(key, entry);
      try {
        const result = await entry.value;
        if (entry.weight === 0 && kept.get(key) === entry) {
          entry.weight = weigh(result);
          total += entry.weight;
        }
        await makeRoom();
        return result;
      } catch (error) {
        kept.delete(key);
        throw error;
      }
    },
    async clear() {
      for (const key of kept.keys()) await forget(key);
    },
  };
}
