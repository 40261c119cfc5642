import { Buffer } from "node:buffer";

/**
 * Keys are ordered and compared by the bytes of their external term format. Two kinds of terms need help: integers
 * above 32 bits stand there with the least significant byte first (appended time stamps would scatter over the whole
 * table, and an incremental would store all of it again), and in an ordered_set 1 and 1.0 are one key.
 * This writes a key that has neither trouble; it is only compared, never stored.
 *
 * @returns the bytes written at `target[at]`; never more than twice the key plus 16
 */
export function writeSortKey(
  bytes: Buffer,
  range: { start: number; end: number },
  numeric: boolean,
  target: { bytes: Buffer; at: number },
): number {
  const begin = target.at;
  let at = range.start;
  let out = target.at;
  while (at < range.end) {
    const tag = bytes[at] ?? 0;
    if (tag === 110 || tag === 111) {
      const small = tag === 110;
      const length = small ? (bytes[at + 1] ?? 0) : bytes.readUInt32BE(at + 1);
      const sign = at + (small ? 2 : 5);
      out = writeBig(bytes, { sign, length }, target.bytes, out);
      at = sign + 1 + length;
    } else if (tag === 70 && numeric && Number.isSafeInteger(bytes.readDoubleBE(at + 1))) {
      out = writeInteger(bytes.readDoubleBE(at + 1), target.bytes, out);
      at += 9;
    } else {
      const next = at + headLength(bytes, at);
      out += bytes.copy(target.bytes, out, at, next);
      at = next;
    }
  }
  return out - begin;
}

/** Tag, sign, length, then the most significant byte first. */
function writeBig(bytes: Buffer, big: { sign: number; length: number }, target: Buffer, at: number): number {
  let out = at;
  target[out++] = 110;
  target[out++] = bytes[big.sign] === 0 ? 1 : 0;
  target.writeUInt32BE(big.length, out);
  out += 4;
  for (let i = big.sign + big.length; i > big.sign; i -= 1) target[out++] = bytes[i] ?? 0;
  return out;
}

/** An integral float, as the integer that it equals would be written. */
function writeInteger(value: number, target: Buffer, at: number): number {
  if (value >= 0 && value <= 255) {
    target[at] = 97;
    target[at + 1] = value;
    return at + 2;
  }
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff) {
    target[at] = 98;
    target.writeInt32BE(value, at + 1);
    return at + 5;
  }
  const digits = Buffer.alloc(9);
  digits.writeBigUInt64LE(BigInt(Math.abs(value)), 1);
  digits[0] = value < 0 ? 1 : 0;
  let length = 8;
  while (digits[length] === 0) length -= 1;
  return writeBig(digits, { sign: 0, length }, target, at);
}

/** How many bytes to copy as they are: a whole atom, binary or the like, or the head of a container. */
function headLength(bytes: Buffer, at: number): number {
  switch (bytes[at] ?? 0) {
    case 97:
    case 104:
      return 2;
    case 98:
    case 105:
    case 108:
    case 116:
      return 5;
    case 119:
      return 2 + (bytes[at + 1] ?? 0);
    case 118:
    case 107:
      return 3 + bytes.readUInt16BE(at + 1);
    case 109:
      return 5 + bytes.readUInt32BE(at + 1);
    case 77:
      return 6 + bytes.readUInt32BE(at + 1);
    case 70:
      return 9;
    case 112:
      return 1 + bytes.readUInt32BE(at + 1);
    case 88:
    case 120:
      return 13 + atomLength(bytes, at + 1);
    case 89:
      return 9 + atomLength(bytes, at + 1);
    case 90:
      return 7 + 4 * bytes.readUInt16BE(at + 1) + atomLength(bytes, at + 3);
    default:
      return 1; // the empty list, an exported fun
  }
}

function atomLength(bytes: Buffer, at: number): number {
  return bytes[at] === 119 ? 2 + (bytes[at + 1] ?? 0) : 3 + bytes.readUInt16BE(at + 1);
}
