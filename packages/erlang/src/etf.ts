import { Buffer } from "node:buffer";
import { BackupError } from "@erlmcp/errors";

/**
 * What the agent and we tell each other, in Erlang's external term format. Atoms and binaries both become strings
 * (`true` and `false` booleans), tuples and lists arrays, maps objects. Rows are never decoded.
 */
export type Term = boolean | number | bigint | string | Term[] | { [key: string]: Term };

/** What we send besides: bytes, which become a binary as they are. */
export type Argument = Term | Uint8Array;

const maxDepth = 32;
const maxTerms = 4_000_000; // an inventory of 100,000 tables has about 3 million

/** @throws BackupError FAILED for anything that is no such term, too deep or too large: nothing of it is trusted. */
export function decodeTerm(bytes: Buffer): Term {
  const decoder = { bytes, at: 0, terms: 0 };
  if (byte(decoder) !== 131) throw malformed("no version byte");
  const term = decode(decoder, 0);
  if (decoder.at !== bytes.length) throw malformed("bytes after the end");
  return term;
}

interface Decoder {
  bytes: Buffer;
  at: number;
  terms: number;
}

function malformed(what: string): BackupError {
  return new BackupError("FAILED", `the node sent a malformed term: ${what}`);
}

/** Moves on by `length` bytes and returns where they began. */
function take(decoder: Decoder, length: number): number {
  const at = decoder.at;
  if (length > decoder.bytes.length - at) throw malformed("cut short");
  decoder.at = at + length;
  return at;
}

function byte(decoder: Decoder): number {
  return decoder.bytes.readUInt8(take(decoder, 1));
}
function word(decoder: Decoder): number {
  return decoder.bytes.readUInt32BE(take(decoder, 4));
}
function text(decoder: Decoder, length: number): string {
  const at = take(decoder, length);
  return decoder.bytes.toString("utf8", at, at + length);
}

function decode(decoder: Decoder, depth: number): Term {
  if (depth > maxDepth) throw malformed("too deep");
  decoder.terms += 1;
  if (decoder.terms > maxTerms) throw malformed("too large");
  const tag = byte(decoder);
  switch (tag) {
    case 97:
      return byte(decoder);
    case 98:
      return decoder.bytes.readInt32BE(take(decoder, 4));
    case 70:
      return decoder.bytes.readDoubleBE(take(decoder, 8));
    case 110:
      return big(decoder, byte(decoder));
    case 118:
      return atom(text(decoder, decoder.bytes.readUInt16BE(take(decoder, 2))));
    case 119:
      return atom(text(decoder, byte(decoder)));
    case 109:
      return text(decoder, word(decoder));
    case 107: {
      const length = decoder.bytes.readUInt16BE(take(decoder, 2));
      const at = take(decoder, length);
      return [...decoder.bytes.subarray(at, at + length)];
    }
    case 104:
      return many(decoder, byte(decoder), depth);
    case 105:
      return many(decoder, word(decoder), depth);
    case 106:
      return [];
    case 108: {
      const list = many(decoder, word(decoder), depth);
      if (byte(decoder) !== 106) throw malformed("an improper list");
      return list;
    }
    case 116:
      return map(decoder, depth);
    default:
      throw malformed(`unexpected tag ${tag}`);
  }
}

function atom(name: string): Term {
  if (name === "true") return true;
  if (name === "false") return false;
  return name;
}

function big(decoder: Decoder, length: number): number | bigint {
  const negative = byte(decoder) !== 0;
  const at = take(decoder, length);
  let value = 0n;
  for (let i = at + length - 1; i >= at; i -= 1) value = (value << 8n) | BigInt(decoder.bytes.readUInt8(i));
  const signed = negative ? -value : value;
  return BigInt(Number(signed)) === signed && Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

function many(decoder: Decoder, count: number, depth: number): Term[] {
  if (count > decoder.bytes.length - decoder.at) throw malformed("cut short");
  const terms: Term[] = [];
  for (let i = 0; i < count; i += 1) terms.push(decode(decoder, depth + 1));
  return terms;
}

function map(decoder: Decoder, depth: number): Term {
  const count = word(decoder);
  const pairs: [string, Term][] = [];
  for (let i = 0; i < count; i += 1) {
    const key = decode(decoder, depth + 1);
    if (typeof key !== "string") throw malformed("a key that is no name");
    pairs.push([key, decode(decoder, depth + 1)]);
  }
  return Object.fromEntries(pairs);
}

/** Strings become binaries, booleans atoms, objects maps with binary keys; numbers must be integers of 32 bits or bigger ones up to 2^53. */
export function encodeTerm(term: Argument | Record<string, Argument>): Buffer {
  const parts: Uint8Array[] = [Buffer.from([131])];
  encode(term, parts);
  return Buffer.concat(parts);
}

function encode(term: Argument | Record<string, Argument>, parts: Uint8Array[]): void {
  if (term instanceof Uint8Array) {
    parts.push(header(109, term.length), term);
  } else if (typeof term === "boolean") {
    const name = Buffer.from(String(term));
    parts.push(Buffer.from([119, name.length]), name);
  } else if (typeof term === "number" || typeof term === "bigint") {
    parts.push(integer(BigInt(term)));
  } else if (typeof term === "string") {
    const bytes = Buffer.from(term, "utf8");
    parts.push(header(109, bytes.length), bytes);
  } else if (Array.isArray(term)) {
    if (term.length > 0) {
      parts.push(header(108, term.length));
      for (const element of term) encode(element, parts);
    }
    parts.push(Buffer.from([106]));
  } else {
    const pairs = Object.entries(term);
    parts.push(header(116, pairs.length));
    for (const [key, value] of pairs) {
      encode(key, parts);
      encode(value, parts);
    }
  }
}

function header(tag: number, size: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8(tag, 0);
  bytes.writeUInt32BE(size, 1);
  return bytes;
}

function integer(value: bigint): Buffer {
  if (value >= -0x8000_0000n && value <= 0x7fff_ffffn) {
    const bytes = Buffer.alloc(5);
    bytes.writeUInt8(98, 0);
    bytes.writeInt32BE(Number(value), 1);
    return bytes;
  }
  const bytes = Buffer.alloc(11);
  bytes.writeUInt8(110, 0);
  bytes.writeUInt8(8, 1);
  bytes.writeUInt8(value < 0n ? 1 : 0, 2);
  bytes.writeBigUInt64LE(value < 0n ? -value : value, 3);
  return bytes;
}
