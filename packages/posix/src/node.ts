import { type ByteName, cName } from "./byte-name.ts";
import { cPath, lastError, libc } from "./libc.ts";

const mknodat: (folder: number, path: Buffer, mode: number, device: bigint) => number = libc.func(
  "int mknodat(int folder, const void *path, uint32_t mode, uint64_t device)",
);

const fromHere = -100; // AT_FDCWD
const types = { fifo: 0o010000, chardev: 0o020000, blockdev: 0o060000, socket: 0o140000 } as const;

export interface NodeFacts {
  kind: keyof typeof types;
  mode: number; // permission bits; the umask is taken off
  device?: { major: number; minor: number };
}

/** A device number as the kernel interface packs it: 12 + 20 bits of major, 8 + 24 of minor. */
function deviceNumber({ major, minor }: { major: number; minor: number }): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}

/** Makes a fifo, device or socket where nothing is yet. Devices need CAP_MKNOD. */
export function makeNode(path: string | Buffer, facts: NodeFacts): void {
  make(fromHere, cPath(path), facts);
}

/** As `makeNode`, in an open folder. */
export function makeNodeAt(folder: number, name: ByteName, facts: NodeFacts): void {
  make(folder, cName(name), facts);
}

function make(folder: number, path: Buffer, facts: NodeFacts): void {
  const device = facts.device === undefined ? 0n : deviceNumber(facts.device);
  if (mknodat(folder, path, types[facts.kind] | (facts.mode & 0o7777), device) !== 0) {
    throw lastError("mknodat", path.subarray(0, -1));
  }
}

export function makeFifo(path: string | Buffer, mode: number): void {
  makeNode(path, { kind: "fifo", mode });
}
