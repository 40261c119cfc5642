import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { demux } from "./demux.ts";

function frame(kind: number, text: string): Buffer {
  const header = Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function outputs(pieces: Iterable<Buffer>): Promise<{ stdout: string; stderr: string }> {
  const got = { stdout: "", stderr: "" };
  for await (const { output, bytes } of demux(Readable.from(pieces))) got[output] += bytes.toString("latin1");
  return got;
}

const wire = Buffer.concat([frame(1, "one"), frame(2, "warning"), frame(1, ""), frame(1, "two")]);

it("takes the same apart however the connection cuts it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: wire.length })), async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), wire.length];
      const pieces = at.slice(1).map((end, i) => wire.subarray(at[i], end));
      expect(await outputs(pieces)).toEqual({ stdout: "onetwo", stderr: "warning" });
    }),
  );
});

it.for([1, 7, 8, 9, 10])("refuses a stream that is cut after %i bytes", async (bytes) => {
  await expect(outputs([wire.subarray(0, bytes)])).rejects.toThrow("ended within a frame");
});

it("refuses what is not multiplexed", async () => {
  await expect(outputs([Buffer.from("plain text from a terminal")])).rejects.toThrow("not multiplexed");
  await expect(outputs([frame(3, "x")])).rejects.toThrow("not multiplexed");
});

it("reads on only when its reader does", async () => {
  let read = 0;
  async function* source(): AsyncGenerator<Buffer> {
    for (; read < 100; read++) yield frame(1, "x");
  }
  const frames = demux(source());
  await frames.next();
  await frames.next();
  expect(read).toBe(1);
  await frames.return(undefined);
});
