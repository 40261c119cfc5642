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

const NodeFact = z.object({
  node: z.string(),
  container: z.string(),
  otp: z.string(),
  directory: z.string().optional().catch(undefined), // of Mnesia
});
const NodeFacts = z.object({
  node: NodeFact.optional().catch(undefined),
  nodes: z.array(NodeFact).optional().catch(undefined),
  db_nodes: z.array(z.string()).catch([]),
});
export type RecordedNode = z.infer<typeof NodeFact>;

export function placesOf({ facts }: ManifestSource): Place[] {
  return Places.parse(facts).containers;
}

/** The Erlang nodes of a source, and all that belong to their Mnesia. */
export function nodesOf({ facts }: ManifestSource): { nodes: RecordedNode[]; cluster: string[] } {
  const { node, nodes, db_nodes: cluster } = NodeFacts.parse(facts);
  return { nodes: nodes ?? (node === undefined ? [] : [node]), cluster };
}
