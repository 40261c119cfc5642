import type { Extent } from "./messages.ts";

/** Where a file with holes has data; undefined when it has no holes or the file system cannot tell. */
export function allocatedExtents(_fd: number, _size: number): Extent[] | undefined {
  return undefined;
}
