import { Buffer } from "node:buffer";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Engine, Exec } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import { decodeTerm, type Term } from "./etf.ts";
import { printable } from "./exec-failure.ts";

/** A throwaway node, in a container whose image has the release that the data comes from. */
export interface DrillNodeOptions {
  readonly engine: Pick<Engine, "exec">;
  readonly container: string;
  readonly node: string; // its full name
  readonly folder: string; // in the container: erlmcp_drill.beam, plan, .erlang.cookie
  readonly signal: AbortSignal;
}

/** One answer after the other; the last one says that it is the last. */
export interface DrillNode {
  readonly otp: string; // its release
  /** @throws BackupError FAILED with the node's words, or when it has ended */
  ask(command: string): Promise<Term[]>;
  close(): Promise<void>;
}

/**
 * Finds Erlang in the container and becomes the node: `erl` where there is one, otherwise the emulator that a release brings along.
 * The cookie lies in its home, on no command line.
 */
const startScript = `folder=$1 kind=$2 node=$3
unset ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_LIBS ERL_INETRC ERL_COMPILER_OPTIONS RELEASE_NODE RELEASE_COOKIE
export HOME="$folder" ERL_CRASH_DUMP_SECONDS=0 LANG=C.UTF-8
cd "$folder" || exit 1
set -- -noinput +sbwt none "-$kind" "$node" -pa "$folder" -kernel net_setuptime 5 \\
  -kernel logger '[{handler,default,logger_std_h,#{config=>#{type=>standard_error}}}]' -run erlmcp_drill main "$folder"
erl=$(command -v erl) && exec "$erl" -boot start_clean "$@"
for exec in /usr/lib/erlang/erts-*/bin/erlexec /usr/local/lib/erlang/erts-*/bin/erlexec \\
  $(find / -xdev -path '*/erts-*/bin/erlexec' 2>/dev/null); do
  [ -x "$exec" ] || continue
  BINDIR=\${exec%/*} ROOTDIR=\${exec%/erts-*} EMU=beam PROGNAME=erl
  export BINDIR ROOTDIR EMU PROGNAME
  for boot in "$ROOTDIR/bin/start_clean.boot" "$ROOTDIR"/releases/*/start_clean.boot; do
    [ -r "$boot" ] || continue
    exec "$exec" -boot "\${boot%.boot}" -boot_var RELEASE_LIB "$ROOTDIR/lib" "$@"
  done
done
echo "the image has no Erlang" >&2
exit 1`;

const Hello = z.object({ otp: z.string() });
const Done = z.object({ done: z.literal(true) });
const Failed = z.object({ failed: z.string() });

/** @throws BackupError FAILED when the image has no Erlang or the node does not come up */
export async function openDrillNode(options: DrillNodeOptions): Promise<DrillNode> {
  const { engine, container, node, folder, signal } = options;
  const kind = node.split("@")[1]?.includes(".") === true ? "name" : "sname";
  const cmd = ["sh", "-c", startScript, "sh", folder, kind, node];
  const exec = await engine.exec(container, { cmd, user: "0", stdin: "open", signal });
  const session = new Session(exec, node);
  const [hello] = await session.ask("hello");
  return {
    otp: Hello.parse(hello).otp,
    ask: (command) => session.ask(command),
    close: () => session.close(),
  };
}

class Session {
  readonly #exec: Exec;
  readonly #node: string;
  readonly #lines: AsyncIterator<string>;

  constructor(exec: Exec, node: string) {
    this.#exec = exec;
    this.#node = node;
    exec.exitCode.catch(() => undefined); // whoever asks is told
    exec.stdin.on("error", () => undefined);
    const input = Readable.from(exec.stdout);
    this.#lines = createInterface({ input })[Symbol.asyncIterator]();
  }

  async ask(command: string): Promise<Term[]> {
    this.#exec.stdin.write(`${command}\n`);
    const answers: Term[] = [];
    let failure: string | undefined;
    for (;;) {
      const line = await this.#lines.next();
      if (line.done === true) throw await this.#ended(command);
      const encoded = /^erlmcp ([A-Za-z0-9+/=]+)$/.exec(line.value)?.[1];
      if (encoded === undefined) continue; // what libraries print
      const answer = decodeTerm(Buffer.from(encoded, "base64"));
      const failed = Failed.safeParse(answer);
      if (failed.success) failure = failed.data.failed;
      else if (!Done.safeParse(answer).success) answers.push(answer);
      else if (failure === undefined) return answers;
      else throw new BackupError("FAILED", `node ${this.#node}: ${printable(failure)}`);
    }
  }

  async #ended(command: string): Promise<BackupError> {
    const exitCode = await this.#exec.exitCode;
    const said = printable(this.#exec.stderr().slice(-2000)) || "nothing";
    return new BackupError(
      "FAILED",
      `node ${this.#node} ended (status ${exitCode}) when told ${command}, and said ${said}`,
    );
  }

  async close(): Promise<void> {
    this.#exec.stdin.end();
    while ((await this.#lines.next()).done !== true);
    await this.#exec.exitCode;
  }
}
