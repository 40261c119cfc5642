import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { settingsSchema } from "./setting-definitions.ts";
import { readSettings, settingsTable } from "./settings.ts";

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

async function compose(name: string): Promise<string> {
  return readFile(new URL(`../../../compose/${name}`, import.meta.url), "utf8");
}

/** What the example sets, in comments. */
async function example(): Promise<Record<string, string>> {
  const text = await compose("example.env");
  return Object.fromEntries(
    [...text.matchAll(/^# ([A-Z0-9_]+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
}

it("the example of an env file has every setting that Compose passes on, and none that nobody reads", async () => {
  const files = `${await compose("compose.yaml")}${await compose("encryption.yaml")}`;
  const shown = Object.keys(await example());
  const passed = [...files.matchAll(/^ +([A-Z0-9_]+): \$\{\1:-\}$/gm)].map(([, name = ""]) => name);
  expect(passed.length).toBeGreaterThan(20);
  expect(passed.filter((name) => !shown.includes(name) && name !== "GIT_REVISION")).toEqual([]); // that is of builds
  const read = new Set([...files.matchAll(/\$\{([A-Z0-9_]+)[:?}-]/g)].map(([, name]) => name));
  expect(shown.filter((name) => !read.has(name))).toEqual([]);
});

it("the values in the example of an env file are such as the jobs take", async () => {
  const names = Object.keys(settingsSchema.shape);
  const settings = Object.entries(await example()).filter(([name]) => names.includes(name));
  expect(settings.length).toBeGreaterThan(20);
  expect(() => readSettings(Object.fromEntries(settings))).not.toThrow();
});
