import type { Run } from "./run.ts";

const smallGroup = 16;
const prefixBytes = 5; // 40 bits of the key beside 24 bits of the row's number in one 64-bit integer
const commonLimit = 256;

interface Group {
  from: number;
  to: number;
  depth: number; // bytes that all keys of the group have in common
}

/**
 * The numbers of the run's rows in the order of their keys' bytes; rows of one key stay in the order they came.
 *
 * Keys of a table have much in common, and comparing them byte by byte in a callback is slow. So: skip what all keys
 * of a group share, pack the next 5 bytes with the row's number into 64-bit integers, let the engine's native sort
 * order these, and go on with the groups that are still equal.
 */
export function sortRun(run: Run): Uint32Array<ArrayBuffer> {
  const order = new Uint32Array(run.rows);
  for (let i = 0; i < order.length; i += 1) order[i] = i;
  const words = new BigUint64Array(run.rows);
  const halves = new Uint32Array(words.buffer); // little-endian: the low half comes first
  const groups: Group[] = [{ from: 0, to: run.rows, depth: 0 }];
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    if (group.to - group.from <= smallGroup) insertionSort(run, order, group);
    else sortGroup(run, { order, words, halves, groups }, group);
  }
  return order;
}

interface Work {
  order: Uint32Array;
  words: BigUint64Array;
  halves: Uint32Array;
  groups: Group[];
}

function sortGroup(run: Run, work: Work, group: Group): void {
  const { order, words, halves, groups } = work;
  const { from, to } = group;
  const common = commonBytes(run, order, group);
  if (common < 0) return; // one key, and the rows are in their order already
  const { bytes, keyStarts, keyEnds } = run;
  const depth = group.depth + common;
  for (let i = from; i < to; i += 1) {
    const row = order[i] ?? 0;
    const at = (keyStarts[row] ?? 0) + depth;
    const left = (keyEnds[row] ?? 0) - at;
    let high = 0;
    let low = 0;
    if (left >= prefixBytes) {
      high =
        ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
      low = bytes[at + 4] ?? 0;
    } else {
      for (let k = 0; k < left; k += 1) high |= (bytes[at + k] ?? 0) << (24 - 8 * k);
    }
    halves[2 * i] = (low << 24) | row;
    halves[2 * i + 1] = high;
  }
  words.subarray(from, to).sort();
  let begin = from;
  for (let i = from; i < to; i += 1) {
    order[i] = (halves[2 * i] ?? 0) & 0xff_ffff;
    const next = i + 1;
    const same =
      next < to &&
      halves[2 * next + 1] === halves[2 * begin + 1] &&
      (halves[2 * next] ?? 0) >>> 24 === (halves[2 * begin] ?? 0) >>> 24;
    if (same) continue;
    if (next - begin > 1) groups.push({ from: begin, to: next, depth: depth + prefixBytes });
    begin = next;
  }
}

/** How many bytes from `depth` on all keys of the group share; -1 when the keys are equal. */
function commonBytes(run: Run, order: Uint32Array, group: Group): number {
  const { bytes, keyStarts, keyEnds } = run;
  const first = order[group.from] ?? 0;
  const start = (keyStarts[first] ?? 0) + group.depth;
  const length = (keyEnds[first] ?? 0) - start;
  let common = Math.min(length, commonLimit);
  let equal = true;
  for (let i = group.from + 1; i < group.to && (common > 0 || equal); i += 1) {
    const row = order[i] ?? 0;
    const at = (keyStarts[row] ?? 0) + group.depth;
    const limit = Math.min(common, (keyEnds[row] ?? 0) - at);
    let k = 0;
    while (k < limit && bytes[start + k] === bytes[at + k]) k += 1;
    if (k < length || (keyEnds[row] ?? 0) - at !== length) equal = false;
    common = k;
  }
  if (length <= 0) return -1; // no key is the beginning of another: all have ended here
  return equal && common === length ? -1 : common;
}

function insertionSort(run: Run, order: Uint32Array, group: Group): void {
  for (let i = group.from + 1; i < group.to; i += 1) {
    const row = order[i] ?? 0;
    let k = i - 1;
    while (k >= group.from && compareRows(run, order[k] ?? 0, row, group.depth) > 0) {
      order[k + 1] = order[k] ?? 0;
      k -= 1;
    }
    order[k + 1] = row;
  }
}

function compareRows(run: Run, left: number, right: number, depth: number): number {
  const { bytes, keyStarts, keyEnds } = run;
  const a = (keyStarts[left] ?? 0) + depth;
  const b = (keyStarts[right] ?? 0) + depth;
  const aLength = (keyEnds[left] ?? 0) - a;
  const bLength = (keyEnds[right] ?? 0) - b;
  const shared = Math.min(aLength, bLength);
  for (let k = 0; k < shared; k += 1) {
    const difference = (bytes[a + k] ?? 0) - (bytes[b + k] ?? 0);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
