import type { Container } from "@erlmcp/docker";
import { archiveTree, compareConfig, type TreeComparison } from "@erlmcp/volumes";
import { z } from "zod";
import type { Applied, Applying } from "./apply.ts";
import type { Placed } from "./plan.ts";
import { comparedTree } from "./put-volume.ts";

const ConfigFacts = z.object({ paths: z.array(z.string()) }); // that were captured

/** Puts configuration files back where they were in the container, and reads them back; what else lies there stays. */
export async function putConfig(run: Applying, { part }: Placed, containers: readonly Container[]): Promise<Applied> {
  const { source, paths } = part;
  const { engine } = run.host;
  const read = (content: Parameters<typeof run.point.read>[0]) => run.point.read(content);
  const comparison: TreeComparison = { equal: 0, differences: [] };
  let files = 0;
  for (const { id, name } of containers) {
    const entries = () => run.point.entries(source);
    const tar = archiveTree({ entries: entries(), read, paths, onEntry: () => (files += 1) });
    await engine.putArchive(id, "/", tar);
    const captured = ConfigFacts.parse(source.facts).paths;
    const archive = (path: string) => engine.archive(id, path);
    const { signal } = run;
    const found = await compareConfig({ entries: entries(), read, archive, captured, paths, source: name, signal });
    comparison.equal += found.equal;
    comparison.differences.push(...found.differences);
  }
  return {
    component: source.component,
    source: source.name,
    targets: containers.map(({ name }) => name),
    counts: { entries: files },
    notes: [],
    compared: comparedTree(part, comparison, "read back: name, kind, size, owner, mode, time to the second, content"),
  };
}
