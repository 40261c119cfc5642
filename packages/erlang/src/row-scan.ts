import type { Buffer } from "node:buffer";
import { BackupError } from "@erlmcp/errors";
import type { RowOrder } from "./row-order.ts";

/** What one look over a row finds. A scanner is made once and reused: a million rows must not make a million objects. */
export interface RowScan {
  arity: number;
  keyStart: number; // of the key's term, in the buffer
  keyEnd: number;
  special: boolean; // the key holds a large integer or a float: bytes alone don't order or equal it as Erlang does
  dead: number; // bits of `deadKinds`: terms that mean nothing after a restart
}

export const deadKinds = { pid: 1, port: 2, reference: 4, function: 8 } as const;

const deleteFlag = 16; // above the bits of `deadKinds`

/** What is kept of a row besides its place: the kinds of dead terms in it, and whether it takes rows back. */
export function rowFlags(dead: number, arity: number, order: RowOrder): number {
  return dead | (order.deletes && arity === 2 ? deleteFlag : 0);
}

export function isDelete(flags: number): boolean {
  return (flags & deleteFlag) !== 0;
}

export function newRowScan(): RowScan {
  return { arity: 0, keyStart: 0, keyEnd: 0, special: false, dead: 0 };
}

/**
 * Looks over the row (version byte and tuple) in bytes[start, end) and notes where its key is.
 *
 * @param keypos the position of the key, from 1
 * @throws BackupError FAILED when the bytes are not one well-formed tuple with such an element
 */
export function scanRow(bytes: Buffer, start: number, end: number, keypos: number, scan: RowScan): void {
  let at = start + 2;
  const tag = bytes[start + 1];
  let arity = 0;
  if (bytes[start] !== 131) throw malformed();
  if (tag === 104) {
    arity = bytes[at] ?? 0;
    at += 1;
  } else if (tag === 105 && at + 4 <= end) {
    arity = bytes.readUInt32BE(at);
    at += 4;
  } else throw malformed();
  if (keypos > arity) throw malformed();
  scan.arity = arity;
  scan.dead = 0;
  scan.special = false;
  at = skipTerms(bytes, at, end, keypos - 1, scan);
  scan.keyStart = at;
  scan.special = false;
  at = skipTerms(bytes, at, end, 1, scan);
  scan.keyEnd = at;
  const special = scan.special;
  at = skipTerms(bytes, at, end, arity - keypos, scan);
  scan.special = special;
  if (at !== end) throw malformed();
}

function malformed(): BackupError {
  return new BackupError("FAILED", "the node sent a row that is no well-formed tuple");
}

/** Skips `count` terms from `at` and returns where the next one begins. Without recursion: depth costs nothing. */
export function skipTerms(bytes: Buffer, at: number, end: number, count: number, scan: RowScan): number {
  let left = count;
  while (left > 0) {
    if (at >= end) throw malformed();
    left -= 1;
    const tag = bytes[at] ?? 0;
    at += 1;
    switch (tag) {
      case 97: // small integer
        at += 1;
        break;
      case 98: // integer
        at += 4;
        break;
      case 119: // small atom
        at += 1 + (bytes[at] ?? 0);
        break;
      case 118: // atom
      case 107: // string: a list of bytes
        at += 2 + uint16(bytes, at, end);
        break;
      case 109: // binary
        at += 4 + uint32(bytes, at, end);
        break;
      case 77: // bitstring
        at += 5 + uint32(bytes, at, end);
        break;
      case 104: // small tuple
        left += bytes[at] ?? 0;
        at += 1;
        break;
      case 105: // tuple
        left += uint32(bytes, at, end);
        at += 4;
        break;
      case 106: // nil
        break;
      case 108: // list, and its tail
        left += uint32(bytes, at, end) + 1;
        at += 4;
        break;
      case 116: // map
        left += 2 * uint32(bytes, at, end);
        at += 4;
        break;
      case 70: // float
        scan.special = true;
        at += 8;
        break;
      case 110: // integer of up to 255 bytes
        scan.special = true;
        at += 2 + (bytes[at] ?? 0);
        break;
      case 111: // larger
        scan.special = true;
        at += 5 + uint32(bytes, at, end);
        break;
      case 113: // fun Module:Function/Arity, which survives a restart
        left += 3;
        break;
      default:
        at = skipDead(bytes, at, end, tag, scan);
    }
    if (at > end) throw malformed();
  }
  return at;
}

/** Skips a pid, port, reference or closure; the node's name in it is an atom of its own. */
function skipDead(bytes: Buffer, at: number, end: number, tag: number, scan: RowScan): number {
  switch (tag) {
    case 88:
      scan.dead |= deadKinds.pid;
      return skipAtom(bytes, at, end) + 12;
    case 103:
      scan.dead |= deadKinds.pid;
      return skipAtom(bytes, at, end) + 9;
    case 89:
      scan.dead |= deadKinds.port;
      return skipAtom(bytes, at, end) + 8;
    case 120:
      scan.dead |= deadKinds.port;
      return skipAtom(bytes, at, end) + 12;
    case 90:
      scan.dead |= deadKinds.reference;
      return skipAtom(bytes, at + 2, end) + 4 + 4 * uint16(bytes, at, end);
    case 112:
      scan.dead |= deadKinds.function;
      return at + Math.max(4, uint32(bytes, at, end)); // its size counts itself
    default:
      throw malformed();
  }
}

function skipAtom(bytes: Buffer, at: number, end: number): number {
  const tag = bytes[at];
  if (tag === 119) return at + 2 + (bytes[at + 1] ?? 0);
  if (tag === 118) return at + 3 + uint16(bytes, at + 1, end);
  throw malformed();
}

function uint16(bytes: Buffer, at: number, end: number): number {
  if (at + 2 > end) throw malformed();
  return bytes.readUInt16BE(at);
}

function uint32(bytes: Buffer, at: number, end: number): number {
  if (at + 4 > end) throw malformed();
  return bytes.readUInt32BE(at);
}
