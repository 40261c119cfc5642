import { expect, it } from "vitest";
import { redact } from "./redact.ts";

it.for([
  ["postgres://app:s3cret@db/x", "postgres://***@db/x"],
  ["https://token@hooks.example/y", "https://***@hooks.example/y"],
  ["PGPASSWORD=hunter2 failed", "PGPASSWORD=*** failed"],
  ['{"secret": "a b"}', '{"secret": ***}'],
  ["a\u001b[31mred", "a [31mred"],
  ["two\nlines\tkept", "two\nlines\tkept"],
  ["no secrets here", "no secrets here"],
])("redacts %j", ([text, expected]) => {
  expect(redact(text ?? "")).toBe(expected);
});
