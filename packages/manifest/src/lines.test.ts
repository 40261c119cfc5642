import type { Entry, LedgerLine } from "@erlmcp/entry";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createEntryEncoder, decodeEntries, decodeLedger, encodeLine, lineLimitBytes } from "./index.ts";

const folder = (path: Entry["path"]): Entry => ({ kind: "folder", path, mode: 0o755, uid: 0, gid: 0, mtime: "-1" });

async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < bytes.length; i += size) yield await Promise.resolve(bytes.subarray(i, i + size));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function encode(entries: Entry[]): Buffer {
  const encoder = createEntryEncoder();
  return Buffer.concat(entries.map((entry) => encoder(entry)));
}

const decode = (bytes: Buffer, size = 7): Promise<Entry[]> => collect(decodeEntries(piecesOf(bytes, size), "entries"));

it("writes one line of canonical JSON an entry", () => {
  expect(encode([folder(""), folder({ b64: "/w==" })]).toString()).toBe(
    '{"gid":0,"kind":"folder","mode":493,"mtime":"-1","path":"","uid":0}\n' +
      '{"gid":0,"kind":"folder","mode":493,"mtime":"-1","path":{"b64":"/w=="},"uid":0}\n',
  );
});

it("reads back what it wrote, however the bytes arrive", async () => {
  const entries = [folder(""), folder("a"), folder("a\nb"), folder("é"), folder({ b64: "/w==" })];
  const bytes = encode(entries);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: bytes.length + 1 }), async (size) => {
      expect(await decode(bytes, size)).toEqual(entries);
    }),
  );
});

it("knows an empty stream", async () => {
  expect(await decode(Buffer.alloc(0))).toEqual([]);
});

it.for([
  { name: "the same path twice", paths: ["a", "a"] },
  { name: "descending paths", paths: ["b", "a"] },
  { name: "text order where bytes differ", paths: ["\u{1F600}", "\uFFFD"] }, // UTF-16 puts the first before the second
])("refuses $name when writing and when reading", async ({ paths }) => {
  const entries = paths.map((path) => folder(path));
  expect(() => encode(entries)).toThrow("comes after");
  const bytes = Buffer.concat(entries.map((entry) => encodeLine(entry)));
  await expect(decode(bytes)).rejects.toThrow("entries line 2 is out of order");
});

it.for([
  { name: "a line cut short", text: '{"kind":"folder"', says: "ends within a line" },
  { name: "an empty line", text: "\n", says: "line 1 is not JSON" },
  { name: "an unknown kind", text: '{"kind":"wormhole","path":"a"}\n', says: "line 1 is not valid" },
  {
    name: "an unknown field",
    text: '{"gid":0,"kind":"folder","mode":1,"mtime":"0","path":"","uid":0,"warp":9}\n',
    says: "warp",
  },
  {
    name: "a mode out of range",
    text: '{"gid":0,"kind":"folder","mode":65536,"mtime":"0","path":"","uid":0}\n',
    says: "mode",
  },
  { name: "bytes that are no UTF-8", text: Buffer.from([0x22, 0xff, 0x22, 0x0a]), says: "line 1 is not JSON" },
])("refuses $name", async ({ text, says }) => {
  await expect(decode(Buffer.from(text))).rejects.toThrow(says);
});

it("stops at a line without end instead of collecting it", async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      given += 1024 * 1024;
      yield await Promise.resolve(Buffer.alloc(1024 * 1024, "x"));
    }
  }
  await expect(collect(decodeEntries(endless(), "entries"))).rejects.toThrow(`longer than ${lineLimitBytes} bytes`);
  expect(given).toBe(lineLimitBytes + 1024 * 1024);
});

it("carries ledger lines", async () => {
  const lines: LedgerLine[] = [
    { component: "ets", source: "n", name: "b", verdict: "captured", grade: "fuzzy", rows: 1 },
    { component: "ets", source: "n", name: "a", verdict: "excluded", reason: "label" },
  ];
  const bytes = Buffer.concat(lines.map((line) => encodeLine(line)));
  expect(await collect(decodeLedger(piecesOf(bytes, 5), "ledger"))).toEqual(lines);
});
