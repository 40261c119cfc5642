import type { CatalogLine } from "@erlmcp/catalog";
import type { Component, LedgerLine } from "@erlmcp/entry";
import type { ManifestSource } from "@erlmcp/manifest";

/** What is known of a source, now or then. */
export type KnownSource = Pick<ManifestSource, "component" | "name" | "rows" | "entry_count" | "facts">;

/** A restore point to compare with, and the components that it is the newest of. */
export interface Earlier {
  readonly id: string;
  readonly components: ReadonlySet<Component>;
}

/**
 * For each component the newest restore point that has it. Those that a restore took to be able to go back count as any
 * other: they too hold what was there.
 *
 * @param points oldest first
 * @param wanted the components that this run was asked for
 */
export function earlierOf(points: readonly CatalogLine[], wanted: readonly Component[]): Earlier[] {
  const found = new Map<string, Set<Component>>();
  for (const component of wanted) {
    const point = points.findLast(({ components }) => components?.includes(component) === true);
    if (point === undefined) continue;
    const components = found.get(point.backup_id) ?? new Set();
    found.set(point.backup_id, components.add(component));
  }
  return [...found].map(([id, components]) => ({ id, components }));
}

/**
 * What an earlier restore point holds and this run found no trace of: a label that was taken away, a container or a volume
 * that is gone. Also what had rows and has none. Nobody else would notice, for whatever is not found cannot fail. Pure.
 *
 * @param now what was captured, `ledger` what else is accounted for: left out by a rule, or failed
 * @param project only sources of this Compose project are expected; those of any when undefined
 */
export function vanishedSince(
  { id, components }: Earlier,
  before: readonly KnownSource[],
  { now, ledger, project }: { now: readonly KnownSource[]; ledger: readonly LedgerLine[]; project: string | undefined },
): string[] {
  const notes: string[] = [];
  for (const source of before) {
    if (!components.has(source.component) || !belongsTo(source, project)) continue;
    const { component, name } = source;
    const same = now.find((one) => one.component === component && one.name === name);
    if (same === undefined) {
      if (ledger.some((line) => line.component === component && (line.source === name || line.name === name))) continue;
      notes.push(`${component} ${name} was in ${id} and is not found any more`);
    } else if (source.rows > 0 && same.rows === 0) {
      notes.push(`${component} ${name} had ${source.rows.toLocaleString("en-US")} rows in ${id} and has none now`);
    }
  }
  return notes;
}

/** A source without a project, such as a volume that is nobody's, belongs to all of them. */
function belongsTo({ facts }: KnownSource, project: string | undefined): boolean {
  if (project === undefined) return true;
  const places = [facts["containers"], facts["volumes"]].flatMap((list) => (Array.isArray(list) ? list : []));
  const projects = places.flatMap((place) => {
    const of = typeof place === "object" && place !== null && !Array.isArray(place) ? place["project"] : undefined;
    return typeof of === "string" ? [of] : [];
  });
  return projects.length === 0 || projects.includes(project);
}
