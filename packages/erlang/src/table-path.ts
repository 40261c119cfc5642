import { Buffer } from "node:buffer";
import type { EtsTable } from "./inventory.ts";

/** A table's name as one path element: what a path cannot hold stands as %XX, so that no two names collide. */
export function pathOf(name: string): string {
  if (name === "") return "%";
  if (name === "." || name === "..") return name.replaceAll(".", "%2E");
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return name.replaceAll(/[%/\\#\u0000-\u001f\u007f]/g, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}

/**
 * The path of each table by its number. An unnamed table is known by its name, its owner's (or what its owner
 * began as) and its rank among those, which a restart may change: `sessions#session_server.2`.
 */
export function etsPaths(tables: readonly EtsTable[]): Map<number, string> {
  const paths = new Map<number, string>();
  const alike = new Map<string, EtsTable[]>();
  for (const table of tables) {
    if (table.named) {
      paths.set(table.ix, pathOf(table.name));
      continue;
    }
    const key = `${pathOf(table.name)}#${pathOf(table.owner ?? table.owner_init ?? "unknown")}`;
    alike.set(key, [...(alike.get(key) ?? []), table]);
  }
  for (const [key, group] of alike) {
    group.sort((left, right) => left.ix - right.ix); // as the agent numbers them
    for (const [rank, table] of group.entries()) paths.set(table.ix, `${key}.${rank + 1}`);
  }
  return paths;
}
