import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Writable } from "node:stream";
import type { ContentRef, TableEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import { encodeTerm, type Term } from "./etf.ts";
import { printable } from "./exec-failure.ts";

/** A file that stock OTP reads, to be made from captured tables. `file` is a path where the unpacking VM runs. */
export type UnpackFile =
  | { kind: "ets" | "dets"; file: string; entry: TableEntry }
  | {
      kind: "mnesia";
      file: string;
      schema: TableEntry;
      tables: readonly TableEntry[];
      rename?: Readonly<Record<string, string>>;
    };

/** The unpacking VM: `erl` with `unpackFlags`, in a container or not. */
export interface UnpackProcess {
  stdin: Writable;
  stdout: AsyncIterable<Uint8Array>;
  stderr(): string;
  exitCode: Promise<number>;
}

export type ReadContent = (content: ContentRef) => AsyncIterable<Uint8Array>;

/** Arguments of `erl`: it takes erlmcp_unpack.beam from its input, then the files. */
export const unpackFlags: readonly string[] = [
  "-noinput",
  "-boot",
  "start_clean",
  "-eval",
  `Read = fun Read(Port, Seen) ->
     case Seen of
       <<Length:32, Frame:Length/binary, Rest/binary>> -> {Frame, Rest};
       _ -> receive {Port, {data, Data}} -> Read(Port, <<Seen/binary, Data/binary>>); {Port, eof} -> halt(3) end
     end
   end,
   In = open_port({fd, 0, 0}, [in, binary, stream, eof]),
   {Beam, More} = Read(In, <<>>),
   {module, Unpack} = code:load_binary(erlmcp_unpack, "erlmcp_unpack.beam", Beam),
   Unpack:main(In, More).`,
];

const ackBytes = 1024 * 1024; // the VM answers each of them
const aheadBytes = 8 * ackBytes; // its memory is all that holds what it has not taken

/**
 * Writes the files, in order.
 *
 * @param beam erlmcp_unpack.beam
 * @returns the rows of each file
 * @throws BackupError FAILED with what the VM said, CORRUPT when an entry's rows are not as many as it says
 */
export async function unpack(
  process: UnpackProcess,
  beam: Buffer,
  { files, read }: { files: readonly UnpackFile[]; read: ReadContent },
): Promise<number[]> {
  const answers = new Answers(process.stdout);
  const listening = answers.listen();
  listening.catch(() => undefined); // awaited below, after the sending that it ends
  process.stdin.on("error", () => undefined); // the exit status tells why
  const writer = new Sender(process.stdin, answers);
  await writer.send(Buffer.concat([length(beam), beam]));
  for (const file of files) {
    if (answers.ended) break;
    await sendFile(writer, file, read);
  }
  process.stdin.end();
  await listening;
  const exitCode = await process.exitCode;
  if (exitCode !== 0 || answers.rows.length !== files.length) {
    const said = printable(process.stderr()) || "nothing";
    throw new BackupError("FAILED", `unpacking ended with status ${exitCode}, and said ${said}`);
  }
  return answers.rows;
}

async function sendFile(writer: Sender, file: UnpackFile, read: ReadContent): Promise<void> {
  const entries = file.kind === "mnesia" ? [file.schema, ...file.tables] : [file.entry];
  const rows = entries.reduce((sum, entry) => sum + entry.rows, 0);
  const facts: Term = file.kind === "mnesia" ? { rename: { ...file.rename } } : plainFacts(file.entry);
  await writer.send(control({ kind: file.kind, file: file.file, rows, facts }));
  for (const entry of entries) {
    for await (const block of read(entry.content)) await writer.send(block);
  }
  await writer.send(control({ end: rows }));
}

function plainFacts(entry: TableEntry): Record<string, Term> {
  const plain: Record<string, Term> = {};
  for (const [name, value] of Object.entries(entry.facts)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") plain[name] = value;
  }
  return plain;
}

function length(bytes: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return head;
}

function control(term: Term): Buffer {
  const bytes = encodeTerm(term);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length + 0x8000_0000);
  return Buffer.concat([head, bytes]);
}

/** Keeps no more under way than the VM should hold in memory. */
class Sender {
  readonly #stdin: Writable;
  readonly #answers: Answers;
  #sent = 0;

  constructor(stdin: Writable, answers: Answers) {
    this.#stdin = stdin;
    this.#answers = answers;
  }

  async send(bytes: Uint8Array): Promise<void> {
    this.#sent += bytes.length;
    const room = this.#stdin.write(bytes);
    if (!room && !this.#answers.ended) await Promise.race([once(this.#stdin, "drain"), this.#answers.end]);
    while (this.#sent - this.#answers.acks * ackBytes > aheadBytes && !this.#answers.ended) await this.#answers.next();
  }
}

/** What the VM prints: `+` for each MiB, and a line for each file. */
class Answers {
  acks = 0;
  ended = false;
  readonly rows: number[] = [];
  readonly end: Promise<void>;
  #endNow: () => void;
  #line = "";
  #wake: (() => void) | undefined;
  readonly #stdout: AsyncIterable<Uint8Array>;

  constructor(stdout: AsyncIterable<Uint8Array>) {
    this.#stdout = stdout;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.end = promise;
    this.#endNow = resolve;
  }

  async listen(): Promise<void> {
    try {
      for await (const piece of this.#stdout) {
        for (const character of Buffer.from(piece).toString("utf8")) this.#take(character);
        this.#wake?.();
      }
    } finally {
      this.ended = true;
      this.#endNow();
      this.#wake?.();
    }
  }

  /** Resolves with the next answer, or at the end. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(character: string): void {
    if (character === "+") this.acks += 1;
    else if (character === "\n") {
      const match = /^ok (\d+)$/.exec(this.#line);
      if (match === null) throw new BackupError("FAILED", `the unpacking VM said ${this.#line.slice(0, 200)}`);
      this.rows.push(Number(match[1]));
      this.#line = "";
    } else this.#line += character;
  }
}
