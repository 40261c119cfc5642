import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { Buffer } from "node:buffer";
import type { ContentRef, Entry, CaptureSink, LedgerLine } from "@erlmcp/entry";
import type { Engine, RunOptions } from "@erlmcp/docker";

const run = promisify(execFile);

/** The sample stack's server, which its own entry point fills. */
const { ERLMCP_SAMPLE_PREFIX = "erlmcp-sample", ERLMCP_SAMPLE_TAG = "local" } = process.env;
const image = `${ERLMCP_SAMPLE_PREFIX}/postgres:${ERLMCP_SAMPLE_TAG}`;
const compose = new URL("../../../test/rig/sample/compose.yaml", import.meta.url).pathname;

/** Servers of one test file, removed at its end. */
export class Servers {
  readonly #ids: string[] = [];
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Starts a server. `empty`: with nothing but what initdb makes. */
  async start(options: { empty?: boolean; env?: Record<string, string>; args?: string[] } = {}): Promise<TestServer> {
    await imageIsThere();
    const env = Object.entries(options.env ?? {}).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const entry = options.empty ? ["--entrypoint", "sh"] : [];
    const bare = `initdb --no-sync --username=postgres --auth=trust >/dev/null && exec postgres -c fsync=off "$@"`;
    const command = options.empty ? ["-c", bare, "sh"] : [];
    const fixed = ["run", "--detach", "--init", "--label", `erlmcp.test.run=postgres-${randomUUID()}`];
    const { stdout } = await run("docker", [...fixed, ...env, ...entry, image, ...command, ...(options.args ?? [])]);
    const id = stdout.trim();
    this.#ids.push(id);
    const server = new TestServer(this.#engine, id);
    await server.ready();
    return server;
  }

  async remove(): Promise<void> {
    if (this.#ids.length > 0) await run("docker", ["rm", "--force", "--volumes", ...this.#ids]);
  }
}

async function imageIsThere(): Promise<void> {
  const { stdout } = await run("docker", ["images", "--quiet", image]);
  if (stdout.trim() === "") await run("docker", ["compose", "--file", compose, "build", "postgres"]);
}

export class TestServer {
  readonly engine: Engine;
  readonly id: string;

  constructor(engine: Engine, id: string) {
    this.engine = engine;
    this.id = id;
  }

  /** Runs a program in the container. @throws Error when it fails */
  async run(cmd: string[], more: Partial<RunOptions> = {}): Promise<string> {
    const result = await this.engine.run(this.id, { cmd, limitBytes: 64 * 1024 * 1024, ...more });
    if (result.exitCode !== 0) throw new Error(`${cmd[0]}: ${result.stderr}${result.stdout.toString()}`);
    return result.stdout.toString("utf8").trimEnd();
  }

  sql(database: string, sql: string): Promise<string> {
    const options = ["--no-psqlrc", "--quiet", "-At", "--username=postgres", "--set=ON_ERROR_STOP=1"];
    return this.run(["psql", ...options, "--file=-"], { env: { PGDATABASE: database }, input: sql });
  }

  /** The server that fills itself listens to TCP only when it is done. */
  async ready(): Promise<void> {
    const signal = AbortSignal.timeout(120_000);
    const asked = { cmd: ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=postgres"] };
    while ((await this.engine.run(this.id, asked)).exitCode !== 0) signal.throwIfAborted();
  }
}

const pieceBytes = 256 * 1024;

/** Keeps what is captured. */
export class MemorySink implements CaptureSink {
  readonly entries: Entry[] = [];
  readonly lines: LedgerLine[] = [];
  readonly #contents: Buffer[] = [];
  readonly #seen: (piece: Uint8Array) => void;

  /** @param seen told every piece before it is taken */
  constructor(seen: (piece: Uint8Array) => void = () => undefined) {
    this.#seen = seen;
  }

  async stream(bytes: AsyncIterable<Uint8Array>): Promise<ContentRef> {
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) {
      this.#seen(piece);
      pieces.push(piece);
    }
    const whole = Buffer.concat(pieces);
    this.#contents.push(whole);
    return { bytes: whole.length, depth: 0, chunks: [(this.#contents.length - 1).toString(16).padStart(64, "0")] };
  }

  async entry(entry: Entry): Promise<void> {
    this.entries.push(entry);
  }

  ledger(line: LedgerLine): void {
    this.lines.push(line);
  }

  async reuse(): Promise<boolean> {
    return false;
  }

  paths(): unknown[] {
    return this.entries.map(({ path }) => path);
  }

  /** What the entries refer to. */
  async *read(content: ContentRef): AsyncGenerator<Buffer> {
    const bytes = this.#contents[Number.parseInt(content.chunks[0] ?? "", 16)];
    if (bytes === undefined) throw new Error("no such content");
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }

  line(name: string): LedgerLine | undefined {
    return this.lines.find((line) => line.name === name);
  }

  dump(path: string): { bytes: Buffer; facts: Record<string, unknown> } {
    const entry = this.entries.find((found) => found.path === path);
    if (entry?.kind !== "dump") throw new Error(`no dump ${path} among ${JSON.stringify(this.paths())}`);
    const content = this.#contents[Number.parseInt(entry.content.chunks[0] ?? "", 16)];
    if (content === undefined) throw new Error(`no content of ${path}`);
    return { bytes: content, facts: entry.facts };
  }
}
