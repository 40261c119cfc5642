import { setImmediate } from "node:timers/promises";
import type { Component, FileEntry, FileSink, Grade, SourceResult } from "@erlmcp/entry";
import { errorCode, pathInFolder } from "@erlmcp/posix";
import { type Base, BaseCursor } from "./base-cursor.ts";
import { describeAgain, describeFile, describeFurtherName, describeNode } from "./describe.ts";
import { InOrder, Places } from "./in-order.ts";
import { LinkTable } from "./link-table.ts";
import { lossOf } from "./loss.ts";
import { count, lineOf, noCounts, type Outcome, type TreeCounts } from "./outcome.ts";
import { type Found, type Missed, walk } from "./walk.ts";

export interface CaptureTreeOptions {
  /** The folder whose contents are captured. */
  root: string | Buffer;
  /** The name of the volume or container, for the ledger. */
  source: string;
  component: Extract<Component, "volumes" | "config">;
  sink: FileSink;
  signal: AbortSignal;
  /** What an incremental compares with; files that are as they were then are not read. */
  base?: Base | undefined;
  /** `quiet` when everything that writes there was paused or stopped. */
  writers?: "running" | "quiet";
  /** Whether file systems mounted inside the tree belong to it; they do in `config`, where each file may be a mount. */
  mounts?: "one" | "all";
  limits?: Partial<CaptureLimits>;
}

export interface CaptureLimits {
  filesInFlight: number; // handed to the sink and not yet stored
  outcomesInFlight: number; // waiting for an earlier one, as entries go out in order
  openFolders: number; // on the way down; each file in flight may hold one more
}

const defaultLimits: CaptureLimits = { filesInFlight: 256, outcomesInFlight: 4096, openFolders: 128 };
const foundPerTurn = 256; // between turns of the event loop: a millisecond or two

/**
 * Captures a folder and all that is in it, each thing exactly as it is, in the order of the entry stream. What
 * cannot be read, or is gone by the time it is read, gets a ledger line and does not stop the rest.
 *
 * @throws BackupError SOURCE_FAILED when the folder itself cannot be read; whatever the sink fails with
 */
export async function captureTree(options: CaptureTreeOptions): Promise<SourceResult> {
  const capture = new TreeCapture(options);
  await capture.run();
  return { facts: { ...capture.counts } };
}

class TreeCapture {
  readonly counts: TreeCounts = noCounts();
  readonly #options: CaptureTreeOptions;
  readonly #limits: CaptureLimits;
  readonly #links = new LinkTable();
  readonly #base: BaseCursor | undefined;
  readonly #places: Places;
  readonly #outcomes: InOrder<Outcome>;

  constructor(options: CaptureTreeOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#base = options.base === undefined ? undefined : new BaseCursor(options.base);
    this.#places = new Places(this.#limits.filesInFlight);
    this.#outcomes = new InOrder(this.#limits.outcomesInFlight, (outcome) => this.#finish(outcome));
  }

  async run(): Promise<void> {
    try {
      await this.#walk();
      await this.#outcomes.drain();
    } finally {
      await this.#outcomes.settle();
      await this.#base?.close();
    }
    this.#summarize();
  }

  async #walk(): Promise<void> {
    const { root, component, signal } = this.#options;
    const mounts = this.#options.mounts ?? (component === "config" ? "all" : "one");
    let number = 0;
    for (const found of walk(root, { mounts, openFolders: this.#limits.openFolders })) {
      signal.throwIfAborted();
      await this.#take(found);
      number += 1;
      if (number % foundPerTurn === 0) await setImmediate();
    }
  }

  /** Begins what is to be done with one path; waits only while too much is under way. */
  async #take(found: Found | Missed): Promise<void> {
    if ("loss" in found) return this.#outcomes.push(found);
    const { kind, links } = found.facts;
    const isLinked = kind !== "folder" && links > 1;
    if (kind !== "file" && !isLinked) return this.#outcomes.push(describeNode(found));
    const same = kind === "file" ? await this.#base?.unchanged(found.path, found.facts) : undefined;
    if (same !== undefined && !isLinked && (await this.#options.sink.reuse(same.content))) {
      return this.#outcomes.push({ path: found.path, entry: same, reused: true });
    }
    await this.#places.take();
    // Not to be awaited: the walk goes on while the file is read.
    const outcome = isLinked ? this.#captureLinked(found, same) : this.#read(found);
    found.folder.hold();
    return this.#outcomes.push(
      outcome.finally(() => {
        found.folder.release();
        this.#places.give();
      }),
    );
  }

  #captureLinked(found: Found, same: FileEntry | undefined): Promise<Outcome> {
    return this.#links.resolve(found, {
      capture: async () => {
        if (found.facts.kind !== "file") return describeNode(found);
        if (same === undefined || !(await this.#options.sink.reuse(same.content))) return this.#read(found);
        return { path: found.path, entry: same, reused: true };
      },
      further: (first) => describeFurtherName(found, first),
    });
  }

  async #read(found: Found): Promise<Outcome> {
    try {
      const result = await this.#options.sink.file({ path: pathInFolder(found.folder.fd, found.name) });
      return describeFile(found, result);
    } catch (error) {
      if (["ELOOP", "EFTYPE"].includes(errorCode(error) ?? "")) return describeAgain(found);
      return { path: found.path, loss: lossOf(error) };
    }
  }

  async #finish(outcome: Outcome): Promise<void> {
    const { sink, source, component } = this.#options;
    this.#options.signal.throwIfAborted();
    count(this.counts, outcome);
    if (outcome.entry !== undefined) await sink.entry(outcome.entry);
    const line = lineOf(outcome, { component, source });
    if (line !== undefined) sink.ledger(line);
  }

  #summarize(): void {
    const { sink, source, component, writers } = this.#options;
    const { files, bytes, unstable } = this.counts;
    const held: Grade = writers === "quiet" ? "point-in-time" : "fuzzy-verified";
    const grade = unstable > 0 ? "fuzzy" : held;
    sink.ledger({ component, source, name: ".", verdict: "captured", grade, rows: files, bytes });
  }
}
