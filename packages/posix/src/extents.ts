import { errorCode, lastError, libc } from "./libc.ts";

const lseek: (fd: number, offset: number, whence: number) => number | bigint = libc.func(
  "int64_t lseek(int fd, int64_t offset, int whence)",
);

const seekData = 3;
const seekHole = 4;

/** The next data or hole at or after `offset`; undefined when there is none before the end. */
function seek(fd: number, offset: number, whence: number): number | undefined {
  const at = Number(lseek(fd, offset, whence));
  if (at >= 0) return at;
  const error = lastError("lseek");
  if (errorCode(error) === "ENXIO") return undefined;
  throw error;
}

/**
 * Where an open file has data, as [offset, length] in ascending order; what lies between are holes.
 * It moves the file position. A file system without hole support reports the whole file as data.
 *
 * @param size bytes; what the file has beyond is not looked at
 */
export function dataExtents(fd: number, size: number): [number, number][] {
  const extents: [number, number][] = [];
  let at = 0;
  while (at < size) {
    const data = seek(fd, at, seekData);
    if (data === undefined || data >= size) break;
    const hole = Math.min(seek(fd, data, seekHole) ?? size, size);
    if (hole <= data) break; // the file shrank between the two calls
    extents.push([data, hole - data]);
    at = hole;
  }
  return extents;
}
