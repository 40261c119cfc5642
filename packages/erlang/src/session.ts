import { Buffer } from "node:buffer";
import type { Exec } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import type { AgentFiles } from "./agent.ts";
import { type Argument, encodeTerm } from "./etf.ts";
import { execFailure, printable } from "./exec-failure.ts";
import { FrameReader } from "./frame-reader.ts";
import type { RowSorter } from "./row-sorter.ts";
import { maxRowBytes } from "./run.ts";
import type { Connect, Vm } from "./vm.ts";

/** One request failed; the session goes on. `code` is the agent's: vanished, unreadable, open, checkpoint … */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const Frame = z.union([
  z.tuple([z.literal("rows"), z.int(), z.record(z.string(), z.json())]),
  z.tuple([z.literal("end"), z.int(), z.looseObject({ rows: z.int(), bytes: z.int(), crc: z.int() })]),
  z.tuple([z.literal("reply"), z.int(), z.record(z.string(), z.json())]),
  z.tuple([z.literal("error"), z.int(), z.string(), z.string()]),
  z.tuple([z.literal("bye")]),
]);
type Facts = Record<string, z.core.util.JSONType>;

/** What a stream of rows goes into: called at its beginning, and at its end when all rows have come, whole. */
export interface RowStreams {
  begin(facts: Facts): RowSorter;
  end(sorter: RowSorter, facts: Facts): Promise<void>;
}

/**
 * One client VM beside one node, for all requests of a job, one after the other.
 *
 * However it ends, the agent leaves the node: in order by `close`, else by the death of the client VM.
 */
export class Session {
  readonly #exec: Exec;
  readonly #frames: FrameReader;
  readonly #container: string;
  #requests = 0;
  #broken: Error | undefined; // nothing more can be asked

  private constructor(exec: Exec, container: string) {
    this.#exec = exec;
    this.#frames = new FrameReader(exec.stdout);
    exec.exitCode.catch(() => undefined); // asked for only once something else has failed
    exec.stdin.on("error", () => undefined); // the reading side tells why
    this.#container = container;
  }

  static async open(connect: Connect, agent: AgentFiles, options: SessionOptions): Promise<Session> {
    const { container, vm, cookieFile, signal } = options;
    const env = { ERLMCP_PID: vm.pid, ...(cookieFile === undefined ? {} : { ERLMCP_COOKIE_FILE: cookieFile }) };
    const exec = await connect("session", { user: `${vm.uid}:${vm.gid}`, env, stdin: "open", signal });
    const session = new Session(exec, container);
    session.#send(agent.client);
    session.#send(agent.agent);
    session.#send(encodeTerm({ max_row: maxRowBytes }));
    return session;
  }

  /**
   * Sends one request and takes its answer.
   *
   * @returns the facts of the reply
   * @throws RequestError when the node refused or failed it; anything else ends the session
   */
  async request(op: string, args: Record<string, Argument>, streams?: RowStreams): Promise<Facts> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      return await this.#request(op, args, streams);
    } catch (error) {
      if (!(error instanceof RequestError)) this.#broken = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  async #request(op: string, args: Record<string, Argument>, streams: RowStreams | undefined): Promise<Facts> {
    this.#requests += 1;
    const id = this.#requests;
    this.#send(encodeTerm({ ...args, op, id }));
    let sorter: RowSorter | undefined;
    for (;;) {
      const frame = await this.#control();
      if (frame[0] === "bye" || frame[1] !== id)
        throw new BackupError("FAILED", "the node's answer belongs to another request");
      if (frame[0] === "reply") return frame[2];
      if (frame[0] === "error") throw new RequestError(frame[2], printable(frame[3]));
      if (frame[0] === "rows") {
        if (streams === undefined) throw new BackupError("FAILED", "the node sent rows where none were asked for");
        sorter = streams.begin(frame[2]);
        await this.#alive(this.#frames.rowsInto(sorter));
      } else {
        if (sorter === undefined) throw new BackupError("FAILED", "the node ended a stream that it had not begun");
        checkWhole(sorter, frame[2]);
        await streams?.end(sorter, z.record(z.string(), z.json()).parse(frame[2]));
        sorter = undefined;
      }
    }
  }

  /** Ends in order: returns once the agent has left the node. A broken session is aborted. */
  async close(): Promise<void> {
    if (this.#broken !== undefined) {
      await this.abort();
      return;
    }
    this.#send(Buffer.alloc(0));
    const frame = await this.#control();
    if (frame[0] !== "bye") throw new BackupError("FAILED", "the session did not end in order");
    this.#exec.stdin.end();
    await this.#frames.drain();
    await this.#exec.exitCode;
  }

  /** Ends at once, in whatever state: the client dies at the end of its input, and the agent with it. */
  async abort(): Promise<void> {
    this.#exec.stdin.end();
    try {
      await this.#frames.drain();
    } catch {
      // it ended, and why matters no more: what was asked of it has failed or is done
    }
  }

  #send(content: Buffer): void {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    this.#exec.stdin.write(Buffer.concat([length, content]));
  }

  async #control(): Promise<z.infer<typeof Frame>> {
    return Frame.parse(await this.#alive(this.#frames.control()));
  }

  /** When the stream breaks, what the client said on standard error is the better reason. */
  async #alive<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      if (!this.#frames.ended) throw error;
      throw execFailure(this.#container, { exitCode: await this.#exec.exitCode, text: this.#exec.stderr() });
    }
  }
}

export interface SessionOptions {
  container: string;
  vm: Vm;
  cookieFile: string | undefined;
  signal: AbortSignal;
}

function checkWhole(sorter: RowSorter, end: { rows: number; bytes: number; crc: number }): void {
  if (sorter.arrived === end.rows && sorter.arrivedBytes === end.bytes && sorter.crc === end.crc) return;
  throw new BackupError(
    "FAILED",
    `of ${end.rows} rows (${end.bytes} bytes) ${sorter.arrived} (${sorter.arrivedBytes}) arrived, or not as they were sent`,
  );
}
