import { type ByteName, cName } from "./byte-name.ts";
import { lastError, libc } from "./libc.ts";
import { syscallNumbers } from "./syscalls.ts";

const statx: (
  number: number,
  folder: number,
  name: Buffer,
  flags: number,
  mask: number,
  into: Buffer,
) => number | bigint =
  // By number, as older releases of musl have no function for it.
  libc.func(
    "int64_t syscall(int64_t number, int64_t folder, const void *name, int64_t flags, int64_t mask, void *into)",
  );

const dontFollow = 0x100; // AT_SYMLINK_NOFOLLOW
const dontMount = 0x800; // AT_NO_AUTOMOUNT
const wanted = 0x7ff | 0x1000; // STATX_BASIC_STATS | STATX_MNT_ID

const kinds = {
  0o010000: "fifo",
  0o020000: "chardev",
  0o040000: "folder",
  0o060000: "blockdev",
  0o100000: "file",
  0o120000: "symlink",
  0o140000: "socket",
} as const;
const kindsByType = new Map<number, FileKind>(Object.entries(kinds).map(([type, kind]) => [Number(type), kind]));
export type FileKind = (typeof kinds)[keyof typeof kinds];

/** Facts of a name in a folder; times in nanoseconds since the epoch. */
export interface FileFacts {
  kind: FileKind;
  mode: number; // permission bits with setuid, setgid and sticky
  uid: number;
  gid: number;
  size: number; // bytes
  links: number;
  inode: bigint;
  device: string; // of the file system it lies in, "major:minor"
  mount: bigint; // 0 where the kernel (before 5.8) doesn't say
  mtime: bigint;
  ctime: bigint;
  number: { major: number; minor: number }; // of a device node
}

const scratch = Buffer.alloc(256);

function timeAt(offset: number): bigint {
  return scratch.readBigInt64LE(offset) * 1_000_000_000n + BigInt(scratch.readUInt32LE(offset + 8));
}

/** The facts of a name in an open folder ("." is the folder itself). A symbolic link is not followed. */
export function statAt(folder: number, name: ByteName): FileFacts {
  if (Number(statx(syscallNumbers.statx, folder, cName(name), dontFollow | dontMount, wanted, scratch)) !== 0) {
    throw lastError("statx", Buffer.from(name, "latin1"));
  }
  const mode = scratch.readUInt16LE(28);
  return {
    kind: kindsByType.get(mode & 0o170000) ?? "socket", // there is no eighth kind on Linux
    mode: mode & 0o7777,
    uid: scratch.readUInt32LE(20),
    gid: scratch.readUInt32LE(24),
    size: Number(scratch.readBigUInt64LE(40)),
    links: scratch.readUInt32LE(16),
    inode: scratch.readBigUInt64LE(32),
    device: `${scratch.readUInt32LE(136)}:${scratch.readUInt32LE(140)}`,
    mount: (scratch.readUInt32LE(0) & 0x1000) === 0 ? 0n : scratch.readBigUInt64LE(144),
    mtime: timeAt(112),
    ctime: timeAt(96),
    number: { major: scratch.readUInt32LE(128), minor: scratch.readUInt32LE(132) },
  };
}
