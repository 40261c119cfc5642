import { BackupError } from "@erlmcp/errors";
import { type ByteName, closeFolder, openFolder, openFolderAt } from "@erlmcp/posix";
import { displayPath } from "./names.ts";

/** A folder of the target that is open, and what of it has been dealt with. */
export interface OpenFolder {
  readonly fd: number;
  readonly names: readonly ByteName[]; // from the root
  readonly seen: Set<ByteName>; // in it
}

export interface TreeActions {
  /** A folder that no entry has told of, and that is needed for what lies in it. */
  enter(parent: OpenFolder, name: ByteName): void;
  /** All that is in a folder has been dealt with; it is closed afterwards. */
  leave(folder: OpenFolder): void;
}

/**
 * The folders from the root down to where an entry lies, each opened inside the one before and never through a symbolic
 * link: whatever a path says, nothing outside the root can be reached. One descriptor for each level.
 */
export class OpenTree {
  readonly #actions: TreeActions;
  readonly #stack: OpenFolder[] = [];

  constructor(root: string, actions: TreeActions) {
    this.#actions = actions;
    this.#stack.push({ fd: openFolder(root), names: [], seen: new Set() });
  }

  get root(): OpenFolder {
    const [root] = this.#stack;
    if (root === undefined) throw new BackupError("FAILED", "the tree is closed");
    return root;
  }

  /** The folder of these names. @throws BackupError CORRUPT when it was dealt with already */
  folder(names: readonly ByteName[]): OpenFolder {
    while (!isPrefix(this.#top.names, names)) this.#leave();
    for (let depth = this.#top.names.length; depth < names.length; depth += 1) {
      const name = names[depth] ?? "";
      const parent = this.#top;
      if (parent.seen.has(name)) throw outOfOrder([...parent.names, name]);
      this.#actions.enter(parent, name);
      parent.seen.add(name);
      this.#stack.push({ fd: openFolderAt(parent.fd, name), names: [...parent.names, name], seen: new Set() });
    }
    return this.#top;
  }

  /** Leaves every folder, the root last. */
  finish(): void {
    while (this.#stack.length > 0) this.#leave();
  }

  /** Closes what is open, without dealing with it. */
  close(): void {
    for (const { fd } of this.#stack.splice(0)) closeFolder(fd);
  }

  get #top(): OpenFolder {
    const top = this.#stack.at(-1);
    if (top === undefined) throw new BackupError("FAILED", "the tree is closed");
    return top;
  }

  #leave(): void {
    const folder = this.#top;
    this.#actions.leave(folder);
    this.#stack.pop();
    closeFolder(folder.fd);
  }
}

/** A second time in a folder, or into what is a file or a link: no capture writes that, so none of it is believed. */
function outOfOrder(names: readonly ByteName[]): BackupError {
  const path = displayPath(names.join("/"));
  return new BackupError("CORRUPT", `the restore point has ${path} twice, or something in it though it is no folder`, {
    hint: "Nothing was written there. Run verify, and take another restore point.",
  });
}

function isPrefix(prefix: readonly ByteName[], names: readonly ByteName[]): boolean {
  return prefix.length <= names.length && prefix.every((name, at) => names[at] === name);
}
