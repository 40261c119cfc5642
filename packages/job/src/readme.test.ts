import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { settingsTable } from "./settings.ts";

/** Rows as lists of cells, however the table is padded. */
function cells(table: string): string[] {
  return table.split("\n").map((row) =>
    row
      .split(/\s*(?<!\\)\|\s*/)
      .join("|")
      .replaceAll(/-+/g, "-"),
  );
}

it("the README documents the settings that there are", async () => {
  const readme = await readFile(new URL("../../../README.md", import.meta.url), "utf8");
  const [, documented = ""] = /<!-- settings -->\n+([\s\S]*?)\n+<!-- \/settings -->/.exec(readme) ?? [];
  expect(cells(documented)).toEqual(cells(settingsTable()));
});
