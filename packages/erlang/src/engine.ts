import type { Readable, Writable } from "node:stream";

/** What this package needs of a container engine: a process in a container, its streams kept apart. */
export interface ExecEngine {
  exec(
    container: string,
    options: { cmd: readonly string[]; user?: string; env?: Readonly<Record<string, string>>; signal?: AbortSignal },
  ): Promise<ExecStreams>;
}

export interface ExecStreams {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  exitCode: Promise<number>;
}
