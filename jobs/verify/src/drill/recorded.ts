import type { ManifestSource } from "@erlmcp/manifest";
import { z } from "zod";

const text = z.string().nullable().catch(null);

/** A container as a backup recorded it. Restore points of older versions lack some of it. */
const Place = z.object({
  name: z.string(),
  service: text,
  hostname: text,
  image: text,
  image_id: text,
  mounts: z.array(z.object({ volume: z.string(), target: z.string() })).catch([]),
});
export type Place = z.infer<typeof Place>;
const Places = z.object({ containers: z.array(Place).catch([]) });

const Cluster = z.object({ db_nodes: z.array(z.string()).catch([]) });

export function placesOf({ facts }: ManifestSource): Place[] {
  return Places.parse(facts).containers;
}

/** All nodes that belong to a source's Mnesia, also those that are not in the restore point. */
export function clusterOf({ facts }: ManifestSource): string[] {
  return Cluster.parse(facts).db_nodes;
}
