import { createHash, type Hash } from "node:crypto";
import type { Sealer } from "@erlmcp/crypto";
import {
  encodeFooter,
  packHeader,
  packHeaderBytes,
  packTargetBytes,
  packTrailer,
  type FooterSegment,
  type SegmentPlace,
} from "./layout.ts";
import { encodeSegment } from "./segment.ts";
import { giveBack } from "./give-back.ts";

/** A pack that is complete once `bytes` of it were written. */
export interface PackFacts {
  number: number;
  bytes: number;
  sha256: string;
  segments: number;
  chunks: number;
}

/** Bytes to append to a pack; `complete` with its last ones. */
export interface PackWrite {
  number: number;
  offset: number; // where in the pack: writes that come in another order are refused
  bytes: Uint8Array<ArrayBuffer>;
  complete: PackFacts | undefined;
}

export interface PackBuilderOptions {
  sealer: Sealer;
  level: number;
  /** Gives each pack its number, which no other pack of the run has. */
  nextNumber: () => number;
}

/** Fills packs one after the other; what is to be written gathers in `take`. */
export interface PackBuilder {
  /** @param records its chunk records, see layout.ts */
  add(plaintext: Uint8Array, records: Uint8Array): SegmentPlace;
  /** Ends the open pack, if there is one. */
  end(): void;
  take(): PackWrite[];
}

interface OpenPack {
  number: number;
  bytes: number;
  taken: number; // of the bytes, those that were handed out to be written
  hash: Hash;
  segments: FooterSegment[];
  records: Uint8Array[];
  chunks: number;
}

export function createPackBuilder({ sealer, level, nextNumber }: PackBuilderOptions): PackBuilder {
  let open: OpenPack | undefined;
  let pending: Uint8Array[] = [];
  let ours: Uint8Array[] = []; // of the pending parts, those that nobody else reads
  let writes: PackWrite[] = [];

  function append(pack: OpenPack, parts: Uint8Array[]): number {
    const before = pack.bytes;
    for (const part of parts) {
      pack.hash.update(part);
      pack.bytes += part.byteLength;
      pending.push(part);
    }
    return pack.bytes - before;
  }

  function flush(pack: OpenPack, complete: PackFacts | undefined): void {
    if (pending.length > 0) {
      writes.push({ number: pack.number, offset: pack.taken, bytes: joined(pending), complete });
      pack.taken = pack.bytes;
    }
    for (const part of ours) giveBack(part);
    ours = [];
    pending = [];
  }

  function begin(): OpenPack {
    const number = nextNumber();
    const pack = { number, bytes: 0, taken: 0, hash: createHash("sha256"), segments: [], records: [], chunks: 0 };
    append(pack, [packHeader(number)]);
    return pack;
  }

  function end(): void {
    if (open === undefined) return;
    const { number, segments, records } = open;
    const plain = encodeFooter({ segments, records: Buffer.concat(records) });
    append(open, [packTrailer(append(open, sealer.seal({ kind: "footer", number, offset: open.bytes }, plain)))]);
    const sha256 = open.hash.digest("hex");
    flush(open, { number, bytes: open.bytes, sha256, segments: segments.length, chunks: open.chunks });
    open = undefined;
  }

  return {
    add(plaintext, records) {
      if (open !== undefined && open.bytes - packHeaderBytes >= packTargetBytes) end();
      open ??= begin();
      const { encoding, encoded } = encodeSegment(plaintext, level);
      const { number, bytes: offset } = open;
      const sealed = sealer.seal({ kind: "segment", number, offset }, encoded);
      const sealedBytes = append(open, sealed);
      if (encoded !== plaintext && !sealed.includes(encoded)) giveBack(encoded);
      for (const part of sealed) if (part !== plaintext) ours.push(part);
      const plainBytes = plaintext.byteLength;
      const chunks = records.byteLength / 36;
      open.segments.push({ sealedBytes, plainBytes, encoding, chunks });
      open.records.push(records);
      open.chunks += chunks;
      return { pack: number, offset, sealedBytes, plainBytes, encoding };
    },
    end,
    take() {
      if (open !== undefined) flush(open, undefined);
      const taken = writes;
      writes = [];
      return taken;
    },
  };
}

/** One copy, into memory of its own that can be handed to another thread. */
function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
