import type { ByteName } from "@erlmcp/posix";
import type { Outcome } from "./outcome.ts";
import type { Found } from "./walk.ts";

/** The name under which an inode's content is captured; undefined when that did not work out. */
type FirstName = Promise<ByteName | undefined>;

interface Inode {
  first: FirstName;
  left: number; // names that are still to come, if all of them are in the tree
}

/**
 * Finds the further names of what has several. Only inodes with more than one name are remembered, and only until
 * the last of their names has been met.
 */
export class LinkTable {
  readonly #inodes = new Map<string, Inode>();

  /**
   * The outcome of a name: `further` makes the entry of a further name, `capture` that of the first one, or of the
   * next when the one before it vanished or turned out to be another file.
   */
  resolve(
    { path, facts }: Found,
    { capture, further }: { capture: () => Promise<Outcome>; further: (first: ByteName) => Outcome },
  ): Promise<Outcome> {
    const key = `${facts.device} ${facts.inode}`;
    const known = this.#inodes.get(key);
    const outcome =
      known === undefined ? capture() : known.first.then((first) => (first === undefined ? capture() : further(first)));
    const isStillIt = outcome.then(
      (result) => holds(result, facts.inode),
      () => false,
    );
    const first = isStillIt.then((is) => (is ? path : undefined));
    if (known === undefined) this.#inodes.set(key, { first, left: facts.links - 1 });
    else if (known.left <= 1) this.#inodes.delete(key);
    else {
      known.left -= 1;
      known.first = Promise.all([known.first, first]).then(([earlier, now]) => earlier ?? now);
    }
    return outcome;
  }
}

/** Whether an outcome is the captured content of this inode: another file may have taken the name before it was opened. */
function holds({ entry }: Outcome, inode: bigint): boolean {
  return entry !== undefined && (entry.kind !== "file" || entry.inode === inode.toString());
}
