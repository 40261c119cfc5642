import { createHash } from "node:crypto";
import { closeSync, fstatSync, readSync } from "node:fs";
import { type ContentRef, Entry, type FileRequest, type FileResult, type FileSink, LedgerLine } from "@erlmcp/entry";
import { dataExtents, listXattrsOf, openRegularFile } from "@erlmcp/posix";

/** A sink for tests that keeps everything in memory: contents by their SHA-256, entries and ledger lines in order. */
export class MemorySink implements FileSink {
  readonly contents = new Map<string, Buffer>();
  readonly entries: Entry[] = [];
  readonly lines: LedgerLine[] = [];
  readonly filesRead: Buffer[] = [];
  /** Runs before a file is opened and again before its facts are taken: for tests that change it meanwhile. */
  onFile: ((request: FileRequest, moment: "before" | "after") => void) | undefined;

  async stream(bytes: AsyncIterable<Uint8Array>): Promise<ContentRef> {
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(piece);
    return this.#keep(Buffer.concat(pieces));
  }

  async entry(entry: Entry): Promise<void> {
    this.entries.push(Entry.parse(entry));
  }

  ledger(line: LedgerLine): void {
    this.lines.push(LedgerLine.parse(line));
  }

  async reuse(content: ContentRef): Promise<boolean> {
    return content.chunks.every((chunk) => this.contents.has(chunk));
  }

  async file(request: FileRequest): Promise<FileResult> {
    await Promise.resolve(); // as with a worker, nothing has happened when the caller goes on
    this.filesRead.push(request.path);
    this.onFile?.(request, "before");
    const { fd, stat } = openRegularFile(request.path);
    try {
      const size = Number(stat.size);
      const extents = dataExtents(fd, size);
      const data = Buffer.concat(extents.map(([offset, length]) => readFully(fd, offset, length)));
      this.onFile?.(request, "after");
      const after = fstatSync(fd, { bigint: true });
      const isWhole = data.length === size;
      const xattrs = [...listXattrsOf(fd)].map(([key, value]): [string, string] => [key, value.toString("base64")]);
      return {
        content: this.#keep(data),
        size,
        sparse: isWhole ? undefined : extents,
        mode: Number(after.mode) & 0o7777,
        uid: Number(after.uid),
        gid: Number(after.gid),
        mtime: after.mtimeNs,
        ctime: after.ctimeNs,
        inode: after.ino,
        unstable: after.mtimeNs !== stat.mtimeNs || after.size !== stat.size,
        xattrs: { values: xattrs.length === 0 ? undefined : Object.fromEntries(xattrs) },
      };
    } finally {
      closeSync(fd);
    }
  }

  /** The read side of this sink. */
  async *read(content: ContentRef): AsyncGenerator<Buffer> {
    for (const chunk of content.chunks) {
      const bytes = this.contents.get(chunk);
      if (bytes === undefined) throw new Error(`no content ${chunk}`);
      // In pieces of an odd size, so that nothing can rely on a piece being a whole file.
      for (let at = 0; at < bytes.length; at += 65_521) yield bytes.subarray(at, at + 65_521);
    }
  }

  #keep(bytes: Buffer): ContentRef {
    const id = createHash("sha256").update(bytes).digest("hex");
    this.contents.set(id, bytes);
    return { bytes: bytes.length, depth: 0, chunks: bytes.length === 0 ? [] : [id] };
  }
}

function readFully(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const got = readSync(fd, bytes, filled, length - filled, offset + filled);
    if (got === 0) break;
    filled += got;
  }
  return bytes.subarray(0, filled);
}
