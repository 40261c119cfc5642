import { closeFolder } from "@erlmcp/posix";

/**
 * An open folder that several may need: the walk itself, and each file of it that is still to be read. It is
 * closed when the last lets go.
 */
export class OpenFolder {
  readonly fd: number;
  #holders = 1;

  constructor(fd: number) {
    this.fd = fd;
  }

  hold(): this {
    this.#holders += 1;
    return this;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) closeFolder(this.fd);
  }
}
