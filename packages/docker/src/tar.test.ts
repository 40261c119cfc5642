import { execFileSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import { tarOf } from "./tar.ts";

const file = (path: string, size: number) => ({ path, mode: 0o440, uid: 70, gid: 71, bytes: Buffer.alloc(size, "k") });

it("is read by tar, with mode, owner and every size around a block's", () => {
  const archive = tarOf([file("run/secrets/a", 0), file("run/secrets/b", 512), file("run/secrets/c", 513)]);
  const listing = execFileSync("tar", ["--numeric-owner", "-tvf", "-"], { input: archive, encoding: "utf8" });
  expect(
    listing
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).filter((_, at) => at < 3 || at === 5)),
  ).toEqual([
    ["-r--r-----", "70/71", "0", "run/secrets/a"],
    ["-r--r-----", "70/71", "512", "run/secrets/b"],
    ["-r--r-----", "70/71", "513", "run/secrets/c"],
  ]);
  const content = execFileSync("tar", ["-xOf", "-", "run/secrets/c"], { input: archive, encoding: "utf8" });
  expect(content).toBe("k".repeat(513));
});

it("refuses a name that the header has no room for", () => {
  expect(() => tarOf([file("x".repeat(101), 1)])).toThrow(RangeError);
});
