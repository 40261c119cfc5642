import type { Io, OutputFile } from "./io.ts";

/** A change to the disk that is about to happen. */
export interface Step {
  action:
    | "mkdir"
    | "create"
    | "append"
    | "write"
    | "truncate"
    | "sync"
    | "rename"
    | "link"
    | "unlink"
    | "remove"
    | "syncFolder";
  path: string;
  to?: string;
}

export interface DyingOptions {
  onStep?: (step: Step) => void;
  /** The number of the step, from 0 on, at which it ends. */
  dieAt?: number;
  /** A write at that step gets half of its bytes to the disk. */
  torn?: boolean;
  /** Ends the process, or throws; in that case every later step dies too, clean-up among them. */
  die?: () => never;
}

/** For tests: tells of every step, and ends the process (or seems to) before a given one. */
export function createDyingIo(io: Io, options: DyingOptions): Io {
  let steps = 0;
  const die = options.die ?? died;

  async function step(facts: Step, half?: () => Promise<void>): Promise<void> {
    const number = steps;
    steps += 1;
    if (options.dieAt !== undefined && number >= options.dieAt) {
      if (number === options.dieAt && options.torn === true) await half?.();
      die();
    }
    options.onStep?.(facts);
    await Promise.resolve();
  }

  function watched(file: OutputFile, path: string): OutputFile {
    return {
      async write(bytes) {
        await step({ action: "write", path }, () => file.write(bytes.subarray(0, bytes.length / 2)));
        await file.write(bytes);
      },
      async truncate(bytes) {
        await step({ action: "truncate", path });
        await file.truncate(bytes);
      },
      async sync() {
        await step({ action: "sync", path });
        await file.sync();
      },
      close: () => file.close(),
    };
  }

  return {
    async mkdir(path, mode) {
      await step({ action: "mkdir", path });
      await io.mkdir(path, mode);
    },
    async open(path, flags, mode) {
      await step({ action: flags === "a" ? "append" : "create", path });
      return watched(await io.open(path, flags, mode), path);
    },
    async rename(from, to) {
      await step({ action: "rename", path: from, to });
      await io.rename(from, to);
    },
    async link(from, to) {
      await step({ action: "link", path: from, to });
      await io.link(from, to);
    },
    async unlink(path) {
      await step({ action: "unlink", path });
      await io.unlink(path);
    },
    async remove(path) {
      await step({ action: "remove", path });
      await io.remove(path);
    },
    async syncFolder(path) {
      await step({ action: "syncFolder", path });
      await io.syncFolder(path);
    },
  };
}

function died(): never {
  throw new Error("the process has died");
}
