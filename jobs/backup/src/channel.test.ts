import { expect, it } from "vitest";
import { createChannel } from "./channel.ts";

it("hands everything over in order, however slowly it is read", async () => {
  const channel = createChannel<number>();
  const read: number[] = [];
  const reader = (async () => {
    for await (const item of channel.output) {
      read.push(item);
      if (item % 100 === 0) await new Promise(setImmediate);
    }
  })();
  for (let item = 1; item <= 1000; item += 1) await channel.push(item);
  channel.end();
  await reader;
  expect(read).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
});

it("makes the writer wait when nobody reads", async () => {
  const channel = createChannel<number>();
  let pushed = 0;
  const writer = (async () => {
    for (let item = 0; item < 1000; item += 1) {
      await channel.push(item);
      pushed += 1;
    }
  })();
  await new Promise(setImmediate);
  expect(pushed).toBe(255);
  let read = 0;
  for await (const _item of channel.output) {
    read += 1;
    if (read === 1000) break;
  }
  await writer;
  expect(pushed).toBe(1000);
});

it("gives the writer's failure to the reader", async () => {
  const channel = createChannel<number>();
  await channel.push(1);
  channel.fail(new Error("source broke"));
  await expect(channel.output[Symbol.asyncIterator]().next()).rejects.toThrow("source broke");
});

it("fails the writer when the reader has given up", async () => {
  const channel = createChannel<number>();
  await channel.push(1);
  for await (const item of channel.output) if (item === 1) break;
  await expect(channel.push(2)).rejects.toThrow("nobody reads");
});
