import { Buffer } from "node:buffer";

/** A small regular file to be put into a container. */
export interface SmallFile {
  path: string; // relative to where the archive is unpacked, at most 100 bytes of ASCII
  mode: number;
  uid: number;
  gid: number;
  bytes: Uint8Array;
}

const blockBytes = 512;

/** A ustar archive (POSIX.1-1988) of a few small files, in memory. */
export function tarOf(files: readonly SmallFile[]): Buffer {
  const blocks = files.flatMap((file) => {
    const padding = Buffer.alloc((blockBytes - (file.bytes.length % blockBytes)) % blockBytes);
    return [header(file), Buffer.from(file.bytes), padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

function header(file: SmallFile): Buffer {
  if (file.path.length > 100) throw new RangeError(`${file.path} is too long a name for a tar header`);
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number): void => {
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, at, "latin1");
  };
  block.write(file.path, 0, "latin1");
  octal(file.mode & 0o7777, 100, 7);
  octal(file.uid, 108, 7);
  octal(file.gid, 116, 7);
  octal(file.bytes.length, 124, 11);
  octal(0, 136, 11); // modification time
  block.fill(" ", 148, 156); // the checksum counts its own field as blanks
  block.write("0", 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
