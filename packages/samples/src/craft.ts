import { createHash } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { plainSealer } from "@erlmcp/crypto";
import type { ContentRef } from "@erlmcp/entry";
import { canonicalJson } from "@erlmcp/manifest";
import type { SampleItem } from "./source.ts";

/** A segment of an unencrypted pack, with what its records say of it. */
export interface CraftedSegment {
  readonly stored: Buffer; // as it is sealed: compressed, or not
  readonly encoding: number; // 0 raw, 1 zstd
  readonly plainBytes: number;
  readonly chunks: readonly { readonly id: Buffer; readonly length: number }[];
}

const numbers = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => bytes.writeUInt32BE(value, at * 4));
  return bytes;
};
const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
const sealed = (kind: "segment" | "footer" | "index", number: number, offset: number, plain: Buffer): Buffer =>
  Buffer.concat(plainSealer.seal({ kind, number, offset }, plain));

/** Makes an unencrypted restore point by hand, from the format page: for what the write side never would write. */
export interface Craft {
  /** Adds a segment of one chunk; gives its ID. */
  chunk(bytes: Buffer): Buffer;
  /** Adds a segment as it is given. */
  segment(segment: CraftedSegment): void;
  /** Adds a zstd frame that expands to `bytes` zeros and says that it is `claimed` long; gives the ID of its chunk. */
  bomb(bytes: number, claimed: number): Buffer;
  content(bytes: Buffer): ContentRef;
  entries(items: readonly SampleItem[]): ContentRef;
  objects(change?: {
    footer?: (plain: Buffer) => Buffer;
    counts?: (plain: Buffer) => Buffer;
    records?: (plain: Buffer) => Buffer;
  }): Map<string, Buffer>;
}

export function craft(): Craft {
  const segments: CraftedSegment[] = [];
  const made: Craft = {
    segment: (segment) => void segments.push(segment),
    chunk(bytes) {
      const id = sha256(bytes);
      if (!segments.some(({ chunks }) => chunks[0]?.id.equals(id))) {
        segments.push({ stored: bytes, encoding: 0, plainBytes: bytes.length, chunks: [{ id, length: bytes.length }] });
      }
      return id;
    },
    bomb(bytes, claimed) {
      const zeros = Buffer.alloc(bytes);
      const id = sha256(zeros);
      segments.push({
        stored: zstdCompressSync(zeros),
        encoding: 1,
        plainBytes: claimed,
        chunks: [{ id, length: claimed }],
      });
      return id;
    },
    content: (bytes) => ({
      bytes: bytes.length,
      depth: 0,
      chunks: bytes.length === 0 ? [] : [made.chunk(bytes).toString("hex")],
    }),
    entries(items) {
      const lines = items.map(({ entry, content = [], refer = (stored: unknown) => stored }) => {
        const isStored = ["file", "table", "dump"].includes(String(entry["kind"]));
        return canonicalJson(isStored ? { ...entry, content: refer(made.content(Buffer.concat(content))) } : entry);
      });
      return made.content(Buffer.from(lines.map((line) => `${line}\n`).join("")));
    },
    objects({ footer = same, counts = same, records = same } = {}) {
      const parts: Buffer[] = [Buffer.concat([Buffer.from("erlmcpPK"), numbers(1, 1)])];
      let at = 16;
      const places = segments.map(({ stored, ...rest }) => {
        const bytes = sealed("segment", 1, at, stored);
        const place = { ...rest, offset: at, sealedBytes: bytes.length };
        parts.push(bytes);
        at += bytes.length;
        return place;
      });
      const all = places.flatMap(({ chunks }) => chunks);
      const plain = Buffer.concat([
        numbers(places.length, all.length),
        ...places.map((one) => numbers(one.sealedBytes, one.plainBytes, one.chunks.length, one.encoding)),
        ...all.map(({ id, length }) => Buffer.concat([id, numbers(length)])),
      ]);
      const end = sealed("footer", 1, at, footer(plain));
      parts.push(end, numbers(end.length, 1), Buffer.from("erlmcpPE"));
      return new Map([
        ["packs/000001.pack", Buffer.concat(parts)],
        ["chunks.idx", indexOf(places, { counts, records })],
      ]);
    },
  };
  return made;
}

const same = (plain: Buffer): Buffer => plain;

type Place = Omit<CraftedSegment, "stored"> & { readonly offset: number; readonly sealedBytes: number };

function indexOf(
  places: readonly Place[],
  { counts, records }: { counts: (plain: Buffer) => Buffer; records: (plain: Buffer) => Buffer },
): Buffer {
  const rows = places.flatMap(({ chunks }, number) => {
    let offset = 0;
    return chunks.map(({ id, length }) => {
      const row = Buffer.concat([id, numbers(number, offset, length)]);
      offset += length;
      return row;
    });
  });
  const frames = [
    counts(numbers(places.length, rows.length)),
    Buffer.concat(places.map((one) => numbers(1, one.offset, one.sealedBytes, one.plainBytes, one.encoding))),
    records(Buffer.concat(rows.toSorted((a, b) => Buffer.compare(a, b)))),
  ];
  let bytes = Buffer.concat([Buffer.from("erlmcpIX"), numbers(1, 0)]);
  frames.forEach((plain, number) => {
    const frame = sealed("index", number, bytes.length, plain);
    bytes = Buffer.concat([bytes, numbers(frame.length), frame]);
  });
  return bytes;
}
