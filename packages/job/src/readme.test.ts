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

it("the example of an env file has every setting of the backup job", async () => {
  const example = await readFile(new URL("../../../compose/example.env", import.meta.url), "utf8");
  const compose = await readFile(new URL("../../../compose/compose.yaml", import.meta.url), "utf8");
  const passed = [...compose.matchAll(/^ {2}([A-Z0-9_]+): \$\{\1:-\}$/gm)].map(([, name]) => name);
  const shown = [...example.matchAll(/^# ([A-Z0-9_]+)=/gm)].map(([, name]) => name);
  expect(passed.length).toBeGreaterThan(15);
  expect(passed.filter((name) => !shown.includes(name))).toEqual([]);
});
