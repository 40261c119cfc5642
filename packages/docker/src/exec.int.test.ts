import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { z } from "zod";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Fixture, until } from "../test/fixture.ts";
import { openEngine, type Engine, type Exec } from "./index.ts";

const fixture = new Fixture();
let engine: Engine;
let container: string;

beforeAll(async () => {
  engine = await openEngine();
  container = await fixture.container();
});
afterAll(() => fixture.remove());

const sh = (script: string): string[] => ["sh", "-c", script];

/** What runs in the container, besides what keeps it up and the question itself. */
async function processes(): Promise<string[]> {
  const list = await fixture.docker.getContainer(container).top({ ps_args: "-eo pid,args" });
  const commands = z.array(z.tuple([z.string(), z.string()])).parse(list.Processes);
  return commands.map(([, args]) => args).filter((args) => !/sleep infinity|docker-init|tini/.test(args));
}

async function drain(exec: Exec): Promise<number> {
  let bytes = 0;
  for await (const piece of exec.stdout) bytes += piece.length;
  return bytes;
}

it("keeps the outputs apart and believes the exit code", async () => {
  const result = await engine.run(container, { cmd: sh("echo out; echo err >&2; exit 7") });
  expect({ ...result, stdout: result.stdout.toString() }).toEqual({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
});

it("tells a command that isn't there by its exit code", async () => {
  const { exitCode } = await engine.run(container, { cmd: ["no-such-command"] });
  expect([126, 127]).toContain(exitCode); // engines differ
});

it("gives environment, folder and user", async () => {
  const options = { cmd: sh('echo "$A $PWD $(id -u)"'), env: { A: "b c" }, workingDir: "/tmp", user: "65534" };
  expect((await engine.run(container, options)).stdout.toString()).toBe("b c /tmp 65534\n");
});

it("has an input whose end the process sees while its output goes on", async () => {
  const exec = await engine.exec(container, { cmd: sh("cat; echo end"), stdin: "open" });
  exec.stdin.write("one\n");
  exec.stdin.end("two\n");
  const pieces: Buffer[] = [];
  for await (const piece of exec.stdout) pieces.push(piece);
  expect(Buffer.concat(pieces).toString()).toBe("one\ntwo\nend\n");
  expect(await exec.exitCode).toBe(0);
});

it("carries a gigabyte each way, unchanged, in little memory", async () => {
  const exec = await engine.exec(container, { cmd: ["cat"], stdin: "open" });
  const piece = Buffer.alloc(1024 * 1024, "0123456789abcdef");
  const total = 1024;
  const sent = createHash("sha1");
  const got = createHash("sha1");
  let peak = 0;
  const write = async (): Promise<void> => {
    for (let i = 0; i < total; i++) {
      sent.update(piece);
      if (!exec.stdin.write(piece)) await once(exec.stdin, "drain");
    }
    exec.stdin.end();
  };
  const before = process.memoryUsage().rss;
  const read = async (): Promise<number> => {
    let bytes = 0;
    for await (const part of exec.stdout) {
      got.update(part);
      bytes += part.length;
      peak = Math.max(peak, process.memoryUsage.rss() - before);
    }
    return bytes;
  };
  const [bytes] = await Promise.all([read(), write()]);
  expect(bytes).toBe(total * piece.length);
  expect(got.digest("hex")).toBe(sent.digest("hex"));
  expect(await exec.exitCode).toBe(0);
  expect(peak).toBeLessThan(200 * 1024 * 1024);
});

it("holds the process back while nobody reads", async () => {
  const script = "head -c 200000000 /dev/zero; touch /tmp/all-written";
  const exec = await engine.exec(container, { cmd: sh(script) });
  const stdout = exec.stdout[Symbol.asyncIterator]();
  await stdout.next();
  const stuck = async (): Promise<boolean> => (await processes()).some((args) => args.startsWith("head"));
  for (let i = 0; i < 20; i++) expect(await stuck()).toBe(true);
  expect((await engine.run(container, { cmd: ["test", "-e", "/tmp/all-written"] })).exitCode).toBe(1);
  await stdout.return?.();
  expect(await processes()).toEqual([]);
});

it("keeps only the end of a long error output", async () => {
  const { stderr } = await engine.run(container, {
    cmd: sh("head -c 300000 /dev/zero | tr '\\0' x >&2; echo end >&2"),
  });
  expect(stderr).toHaveLength(64 * 1024);
  expect(stderr.endsWith("xxend\n")).toBe(true);
});

it("refuses more output than it was told to expect, and ends the process", async () => {
  const run = engine.run(container, { cmd: ["cat", "/dev/zero"], limitBytes: 100_000 });
  await expect(run).rejects.toThrow("cat wrote more than 100000 bytes");
  expect(await processes()).toEqual([]);
});

it.for([
  { name: "a process with children", stdin: "closed", script: "sleep 1001 & sleep 1002 & wait" },
  { name: "one that ignores TERM", stdin: "closed", script: "trap '' TERM; while :; do sleep 1; done" },
  { name: "one that writes without end", stdin: "closed", script: "yes" },
  { name: "one that reads", stdin: "open", script: "cat; exit 3" },
  { name: "one that is guarded", stdin: "guard", script: "exec sleep 1003" },
] as const)("leaves nothing of $name running when it is aborted", async ({ stdin, script }) => {
  const abort = new AbortController();
  const exec = await engine.exec(container, { cmd: sh(script), stdin, signal: abort.signal, graceMs: 500 });
  const read = drain(exec);
  const reason = new Error("enough");
  abort.abort(reason);
  await expect(read).rejects.toBe(reason);
  await expect(exec.exitCode).rejects.toBe(reason);
  expect(await processes()).toEqual([]);
});

it("ends what is aborted while nobody reads it", async () => {
  const abort = new AbortController();
  const exec = await engine.exec(container, { cmd: ["yes"], signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(exec.exitCode).rejects.toThrow("enough");
  expect(await processes()).toEqual([]);
});

it("passes a guarded process's output and exit code on, and leaves no guard behind", async () => {
  const result = await engine.run(container, { cmd: sh("echo out; echo err >&2; exit 9"), stdin: "guard" });
  expect({ ...result, stdout: result.stdout.toString() }).toEqual({ exitCode: 9, stdout: "out\n", stderr: "err\n" });
  expect(await processes()).toEqual([]);
});

it("ends a guarded process when its client dies", async () => {
  const exec = await engine.exec(container, { cmd: ["sleep", "1004"], stdin: "guard" });
  await until(async () => (await processes()).some((args) => args === "sleep 1004"));
  exec.stdin.destroy(); // as the kernel does with a dead process's connections
  await until(async () => (await processes()).length === 0);
  await expect(drain(exec)).rejects.toThrow("sleep in container");
  await expect(exec.exitCode).rejects.toThrow("sleep in container");
});

it("fails when the container dies under it", async () => {
  const dying = await fixture.container();
  const exec = await engine.exec(dying, { cmd: sh("while echo x; do sleep 0.01; done") });
  const stdout = exec.stdout[Symbol.asyncIterator]();
  await stdout.next();
  await fixture.docker.getContainer(dying).kill();
  const rest = async (): Promise<number> => {
    while (!(await stdout.next()).done);
    return exec.exitCode;
  };
  const outcome = await rest().catch((error: unknown) => error);
  expect(outcome).not.toBe(0);
});

it("names a container that isn't there or doesn't run", async () => {
  await expect(engine.run("no-such-container", { cmd: ["true"] })).rejects.toThrow(
    expect.objectContaining({ code: "NOT_FOUND" }),
  );
  const paused = await fixture.container();
  await engine.pause(paused);
  await expect(engine.run(paused, { cmd: ["true"] })).rejects.toThrow(/is paused/);
});
