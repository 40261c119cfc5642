import { Buffer } from "node:buffer";
import { execFile, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Engine, Exec } from "@erlmcp/docker";
import { type CaptureSink, type ContentRef, Entry, LedgerLine, type TableEntry } from "@erlmcp/entry";
import type { AgentFiles } from "../src/agent.ts";
import type { ErlangComponent } from "../src/capture.ts";
import { unpackFlags, type UnpackProcess } from "../src/unpack.ts";

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));
const image = `erlmcp-test/erlang-node:${process.env["ERLMCP_TAG"] ?? "local"}`;
const cookie = "lab-cookie";

const shellLessImage = image.replace("erlang-node", "erlang-shell-less");

export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run("docker", args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/** Builds the image with OTP, the sample tables and the agent. */
export function buildImage(): Promise<void> {
  return build("lab", image);
}

/** Builds an image with the same release and nothing else. */
export function buildShellLessImage(): Promise<void> {
  return build("shell-less", shellLessImage);
}

/** An engine whose containers beside others are made from the image with OTP; a job has its own. */
export function withHelper(engine: Engine): Engine {
  return { ...engine, beside: (container, how) => engine.beside(container, { ...how, image }) };
}

async function build(target: string, tag: string): Promise<void> {
  const base = process.env["ERLMCP_DEBIAN_IMAGE"] ?? "debian:trixie-slim";
  const secret = `id=ca,src=${process.env["ERLMCP_CA_FILE"] ?? "/dev/null"}`;
  await docker(
    "build",
    "--secret",
    secret,
    "--build-arg",
    `DEBIAN_IMAGE=${base}`,
    "--target",
    target,
    "--tag",
    tag,
    "--file",
    `${here}node/Dockerfile`,
    `${here}..`,
  );
}

/** What this test file makes, removed at its end. */
export class Lab {
  readonly #run = `erlang-${randomUUID()}`;
  readonly #networks: string[] = [];
  readonly #label = ["--label", `erlmcp.test.run=${this.#run}`];

  /** A container without a node in it. */
  async container(...options: string[]): Promise<string> {
    const id = await docker("run", "--detach", "--init", ...this.#label, ...options, image, "sleep", "infinity");
    return id.trim();
  }

  /** A network in which containers know each other by name. */
  async network(): Promise<string> {
    const name = `${this.#run}-${this.#networks.length}`;
    await docker("network", "create", ...this.#label, name);
    this.#networks.push(name);
    return name;
  }

  /** A container whose node has all the tables; `host` becomes part of its name. */
  async node(
    host: string,
    { expression = "erlmcp_lab:start().", options = [] as string[], flags = ["-sname", "lab"] } = {},
  ): Promise<LabNode> {
    const container = await this.container("--hostname", host, ...options);
    await start(container, { flags, expression });
    return new LabNode(container, `lab@${host}`);
  }

  /** A container whose first process is a node, and which has no shell. */
  async shellLess(): Promise<ShellLessNode> {
    const id = (await docker("run", "--detach", ...this.#label, shellLessImage)).trim();
    await until(async () => (await docker("logs", id)).includes("ready"));
    return new ShellLessNode(id);
  }

  async remove(): Promise<void> {
    const ids = (await docker("ps", "--all", "--quiet", "--filter", `label=erlmcp.test.run=${this.#run}`))
      .split("\n")
      .filter(Boolean);
    if (ids.length > 0) await docker("rm", "--force", "--volumes", ...ids);
    for (const network of this.#networks) await docker("network", "rm", network);
  }
}

/** Starts a node in the container and waits until it says that it is ready. */
async function start(container: string, node: { flags: readonly string[]; expression: string }): Promise<void> {
  const args = [
    "-noinput",
    "-kernel",
    "logger_level",
    "error",
    ...node.flags,
    "-setcookie",
    cookie,
    "-pa",
    "/lab",
    "-eval",
    node.expression,
  ];
  const process = spawn("docker", ["exec", "--interactive", container, "erl", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    process.stdout.on("data", (piece: Buffer) => {
      said += piece.toString();
      if (said.includes("ready")) resolve();
    });
    process.on("exit", () => reject(new Error(`the node ended: ${said}`)));
  });
  process.unref();
}

export class LabNode {
  readonly container: string;
  readonly name: string;

  constructor(container: string, name: string) {
    this.container = container;
    this.name = name;
  }

  /** What an expression comes to in the node, as text. */
  async ask(call: string): Promise<string> {
    const code = `true = net_kernel:connect_node('${this.name}'), io:put_chars(erpc:call('${this.name}', fun() -> ${call} end)), halt().`;
    const args = [
      "erl",
      "-noinput",
      "-hidden",
      "-sname",
      `ctl${randomUUID().slice(0, 8)}`,
      "-setcookie",
      cookie,
      "-pa",
      "/lab",
      "-eval",
      code,
    ];
    return docker("exec", this.container, ...args);
  }
}

export class ShellLessNode {
  readonly container: string;
  readonly name = "lab@127.0.0.1";

  constructor(container: string) {
    this.container = container;
  }

  /** As LabNode's, from a container in the same network. */
  async ask(call: string): Promise<string> {
    const code = `true = net_kernel:connect_node('${this.name}'), io:put_chars(erpc:call('${this.name}', fun() -> ${call} end)), halt().`;
    const name = `ctl${randomUUID().slice(0, 8)}@127.0.0.1`;
    const node = [
      "-name",
      name,
      "-setcookie",
      cookie,
      "-start_epmd",
      "false",
      "-erl_epmd_port",
      "4370",
      "-dist_listen",
      "false",
    ];
    const beside = ["run", "--rm", "--network", `container:${this.container}`, image];
    return docker(...beside, "erl", "-noinput", "-hidden", ...node, "-pa", "/lab", "-eval", code);
  }
}

async function imageFile(name: string): Promise<Buffer> {
  const { stdout } = await run("docker", ["run", "--rm", image, "cat", `/agent/${name}`], { encoding: "buffer" });
  return stdout;
}

/** The compiled agent, out of the image. */
export async function agentFiles(): Promise<AgentFiles & { unpack: Buffer }> {
  const [script, client, agent, unpack] = await Promise.all(
    ["connect.sh", "erlmcp_client.beam", "erlmcp_agent.beam", "erlmcp_unpack.beam"].map(imageFile),
  );
  if (script === undefined || client === undefined || agent === undefined || unpack === undefined)
    throw new Error("incomplete");
  return { connectScript: script.toString(), client, agent, unpack };
}

/** The unpacking VM in a container. */
export function unpackIn(container: string): UnpackProcess {
  const process = spawn("docker", ["exec", "--interactive", container, "erl", ...unpackFlags], { stdio: "pipe" });
  let errors = "";
  process.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: () => errors,
    exitCode: new Promise((resolve) => process.on("close", (code) => resolve(code ?? 1))),
  };
}

/** Keeps in memory what it is given. */
export class MemorySink implements CaptureSink {
  readonly entries: TableEntry[] = [];
  readonly lines: LedgerLine[] = [];
  readonly contents = new Map<string, Buffer>();
  onBlock: (() => Promise<void>) | undefined;

  async stream(bytes: AsyncIterable<Uint8Array>): Promise<ContentRef> {
    const parts: Uint8Array[] = [];
    for await (const block of bytes) {
      parts.push(block);
      await this.onBlock?.();
    }
    const content = Buffer.concat(parts);
    const id = createHash("sha256").update(content).digest("hex");
    this.contents.set(id, content);
    return { bytes: content.length, depth: 0, chunks: [id] };
  }

  entry(entry: Entry): Promise<void> {
    const checked = Entry.parse(entry);
    if (checked.kind !== "table") throw new Error(`unexpected ${checked.kind}`);
    this.entries.push(checked);
    return Promise.resolve();
  }

  ledger(line: LedgerLine): void {
    this.lines.push(LedgerLine.parse(line));
  }

  reuse(): Promise<boolean> {
    return Promise.resolve(false);
  }

  read = async function* (this: MemorySink, content: ContentRef): AsyncGenerator<Buffer> {
    for (const id of content.chunks) {
      const bytes = await Promise.resolve(this.contents.get(id));
      if (bytes === undefined) throw new Error("not stored");
      for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
    }
  }.bind(this);
}

/** One sink for each source. */
export class Sinks {
  readonly all = new Map<string, MemorySink>();
  open = (component: ErlangComponent, source: string): MemorySink => {
    const sink = new MemorySink();
    this.all.set(`${component} ${source}`, sink);
    return sink;
  };

  of(component: ErlangComponent, source: string): MemorySink {
    const sink = this.all.get(`${component} ${source}`);
    if (sink === undefined)
      throw new Error(`no sink for ${component} ${source}, but for ${[...this.all.keys()].join(", ")}`);
    return sink;
  }
}

/** An engine whose long streams come to a halt once: `onReached` is awaited when so many bytes have come. */
export function stalled(engine: Engine, bytes: number, onReached: () => Promise<void>): Engine {
  const stall = (exec: Exec): Exec => ({ ...exec, stdout: stopAt(exec.stdout, bytes, onReached) });
  return {
    ...engine,
    exec: async (container, options) => stall(await engine.exec(container, options)),
    beside: async (container, options) => stall(await engine.beside(container, options)),
  };
}

async function* stopAt(
  pieces: AsyncIterable<Buffer>,
  bytes: number,
  onReached: () => Promise<void>,
): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of pieces) {
    const before = left;
    left -= piece.length;
    if (before > 0 && left <= 0) await onReached();
    yield piece;
  }
}

/** Resolves when `holds` does. */
export async function until(holds: () => Promise<boolean>, limitMs = 90_000): Promise<void> {
  const signal = AbortSignal.timeout(limitMs);
  while (!(await holds())) signal.throwIfAborted();
}
