import { discover, siblingLabel, type Container } from "@erlmcp/docker";
import type { Host } from "@erlmcp/host";
import type { Settings } from "@erlmcp/job";
import type { Here } from "./targets.ts";

/**
 * The installation that a restore point is brought back to: what its labels say, within BACKUP_PROJECT; and all
 * containers but our own, who may use its volumes.
 */
export async function lookAround(
  { engine, self }: Host,
  settings: Settings,
): Promise<{ here: Here; containers: Container[] }> {
  const containers = await engine.containers();
  const volumes = await engine.volumes();
  const project = settings.values.BACKUP_PROJECT;
  const { sources } = discover({ containers, volumes, settings: { project, selfId: self.container.id } });
  const inProject = volumes.filter(
    (volume) => project === undefined || volume.project === project || volume.project === undefined,
  );
  const others = containers.filter(({ id, labels }) => id !== self.container.id && !(siblingLabel in labels));
  return { here: { sources, volumes: inProject }, containers: others };
}
