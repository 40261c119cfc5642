import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { formatChecksums, parseChecksums, sha256Hex } from "./index.ts";

const a = "a".repeat(64);
const b = "b".repeat(64);

it("writes sorted lines, escaping as sha256sum does", () => {
  const checksums = [
    { name: "packs/000001.pack", sha256: b },
    { name: "manifest.json", sha256: a },
    { name: "odd\nname\\", sha256: a },
  ];
  expect(formatChecksums(checksums)).toBe(`${a}  manifest.json\n\\${a}  odd\\nname\\\\\n${b}  packs/000001.pack\n`);
});

it("is understood by sha256sum itself, and understands it", () => {
  const folder = mkdtempSync(join(tmpdir(), "erlmcp-sums-"));
  const names = ["plain", "with space", "new\nline", "back\\slash", "return\r", " leading", "*star", "é"];
  for (const name of names) writeFileSync(join(folder, name), name);
  const text = formatChecksums(names.map((name) => ({ name, sha256: sha256Hex(Buffer.from(name)) })));
  writeFileSync(join(folder, "sums"), text);
  const checked = execFileSync("sha256sum", ["--strict", "-c", "sums"], { cwd: folder, encoding: "utf8" });
  expect(checked.match(/: OK$/gm)).toHaveLength(names.length);
  const theirs = execFileSync("sha256sum", names, { cwd: folder, encoding: "utf8" });
  expect(parseChecksums(theirs).map(({ name }) => name)).toEqual(names);
  rmSync(folder, { recursive: true });
});

it.for([
  { text: `${a}  manifest.json`, says: "ends within a line" },
  { text: `${a} manifest.json\n`, says: "line 1 is not valid" },
  { text: `${a}  x\n\n`, says: "line 2 is not valid" },
  { text: `${a.toUpperCase()}  x\n`, says: "line 1 is not valid" },
  { text: `${a}  /etc/passwd\n`, says: "outside" },
  { text: `${a}  ../x\n`, says: "outside" },
  { text: `${a}  a/../../x\n`, says: "outside" },
  { text: `${a}  x\n${b}  x\n`, says: "twice" },
  { text: `\\${a}  x\\t\n`, says: "unknown escape" },
  { text: `\\${a}  x\\\n`, says: "unknown escape" },
])("refuses $text", ({ text, says }) => {
  expect(() => parseChecksums(text)).toThrow(says);
});

it("takes an empty file for an empty list", () => {
  expect(parseChecksums("")).toEqual([]);
});
