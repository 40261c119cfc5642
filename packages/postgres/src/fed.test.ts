import { Buffer } from "node:buffer";
import { PassThrough, Writable } from "node:stream";
import { expect, it } from "vitest";
import type { Exec } from "@erlmcp/docker";
import { feed } from "./fed.ts";

/** A program that writes what it has read, to its end or only the first `takes` bytes. */
function copying(takes = Infinity): Exec & { taken: () => number } {
  const through = new PassThrough();
  let taken = 0;
  const over = Promise.withResolvers<void>();
  const stdin = new Writable({
    highWaterMark: 4,
    write(piece: Buffer, _encoding, done) {
      taken += piece.length;
      through.write(piece);
      if (taken < takes) setImmediate(done);
      else over.resolve(); // reads no more, and ends
    },
    final(done) {
      over.resolve();
      done();
    },
  });
  void over.promise.then(() => through.end());
  stdin.on("close", () => through.destroy(new Error("its input was cut off")));
  async function* stdout(): AsyncGenerator<Buffer> {
    for await (const piece of through) yield Buffer.from(piece);
  }
  return { stdin, stdout: stdout(), stderr: () => "words", exitCode: over.promise.then(() => 0), taken: () => taken };
}

async function* pieces(count: number, read: number[] = []): AsyncGenerator<Buffer> {
  for (let at = 0; at < count; at++) {
    read.push(at);
    yield Buffer.from("12345678");
  }
}

it("gives a program all of its input, and collects what it prints", async () => {
  const { stdout, exitCode, stderr } = await feed(copying(), pieces(50));
  expect(stdout.toString()).toBe("12345678".repeat(50));
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "words" });
});

it("reads no further for a program that has ended", async () => {
  const read: number[] = [];
  const { stdout } = await feed(copying(40), pieces(100_000, read));
  expect(stdout.toString()).toBe("12345678".repeat(5));
  expect(read.length).toBeLessThan(10);
});

it("ends the program when its input fails, and says why", async () => {
  const reason = new Error("a chunk is damaged");
  async function* failing(): AsyncGenerator<Buffer> {
    yield Buffer.from("first");
    throw reason;
  }
  const program = copying();
  await expect(feed(program, failing())).rejects.toBe(reason);
  expect(program.stdin.destroyed).toBe(true);
});
