import { bytesOf, comparePaths, type Entry, type FileEntry } from "@erlmcp/entry";
import type { ByteName, FileFacts } from "@erlmcp/posix";

/** The same source in the restore point that an incremental builds on. */
export interface Base {
  entries: AsyncIterable<Entry>;
  /** When that run began, nanoseconds since the epoch, by the clock of this machine. */
  startedAt: bigint;
}

/**
 * A file that changed while the base's run was reading, or just before, may have changed once more within
 * the same tick of the clock, unseen in its times. Ticks are up to 10 ms; file systems of other machines
 * have other clocks, and some count in two seconds.
 */
const doubtNanoseconds = 2_000_000_000n;

/** Walks along a base's entries, which have the same order as the walk of the tree. */
export class BaseCursor {
  readonly #entries: AsyncIterator<Entry>;
  readonly #certainBefore: bigint;
  #entry: Entry | undefined;
  #path: Uint8Array = Buffer.alloc(0);
  #ended = false;

  constructor(base: Base) {
    this.#entries = base.entries[Symbol.asyncIterator]();
    this.#certainBefore = base.startedAt - doubtNanoseconds;
  }

  /** The base's entry of a file that is what it was then. Paths must be asked for in ascending order. */
  async unchanged(path: ByteName, facts: FileFacts): Promise<FileEntry | undefined> {
    const entry = await this.#at(path);
    if (entry?.kind !== "file" || entry.unstable === true || facts.ctime >= this.#certainBefore) return undefined;
    const isSame =
      entry.size === facts.size &&
      entry.mtime === facts.mtime.toString() &&
      entry.ctime === facts.ctime.toString() &&
      entry.inode === facts.inode.toString();
    return isSame ? entry : undefined;
  }

  async #at(path: ByteName): Promise<Entry | undefined> {
    const wanted = Buffer.from(path, "latin1");
    while (!this.#ended) {
      const order = this.#entry === undefined ? -1 : comparePaths(this.#path, wanted);
      if (order === 0) return this.#entry;
      if (order > 0) return undefined;
      const next = await this.#entries.next();
      if (next.done === true) this.#ended = true;
      else {
        this.#entry = next.value;
        this.#path = bytesOf(next.value.path);
      }
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#entries.return?.();
  }
}
