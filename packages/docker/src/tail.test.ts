import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import { Tail } from "./tail.ts";

it.for([
  { name: "keeps all that fits", pieces: ["ab", "cd"], text: "abcd" },
  { name: "keeps the end of many pieces", pieces: ["abc", "def", "ghi"], text: "fghi" },
  { name: "keeps the end of one large piece", pieces: ["abcdefgh"], text: "efgh" },
  { name: "has nothing at first", pieces: [], text: "" },
])("a tail of 4 bytes $name", ({ pieces, text }) => {
  const tail = new Tail(4);
  for (const piece of pieces) tail.add(Buffer.from(piece));
  expect(tail.text()).toBe(text);
});
