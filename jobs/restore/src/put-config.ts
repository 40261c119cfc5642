import type { Container } from "@erlmcp/docker";
import { archiveTree } from "@erlmcp/volumes";
import type { Applied, Applying } from "./apply.ts";
import type { Placed } from "./plan.ts";

/** Puts configuration files back where they were in the container; what else lies there stays. */
export async function putConfig(run: Applying, { part }: Placed, containers: readonly Container[]): Promise<Applied> {
  const { source, paths } = part;
  let files = 0;
  for (const container of containers) {
    const tar = archiveTree({
      entries: run.point.entries(source),
      read: (content) => run.point.read(content),
      paths,
      onEntry: () => (files += 1),
    });
    await run.host.engine.putArchive(container.id, "/", tar);
  }
  return {
    component: source.component,
    source: source.name,
    targets: containers.map(({ name }) => name),
    counts: { entries: files },
    notes: [],
  };
}
