import type { ManifestSource } from "@erlmcp/manifest";
import { z } from "zod";

/** An Erlang node as a backup recorded it. */
const RecordedNode = z.object({
  node: z.string(),
  container: z.string(),
  otp: z.string(),
  directory: z.string().optional().catch(undefined), // of Mnesia
});
export type RecordedNode = z.infer<typeof RecordedNode>;
const NodeFacts = z.object({
  node: RecordedNode.optional().catch(undefined),
  nodes: z.array(RecordedNode).optional().catch(undefined),
});

/** The Erlang nodes of a source, with their containers. */
export function nodesOf({ facts }: ManifestSource): RecordedNode[] {
  const { node, nodes } = NodeFacts.parse(facts);
  return nodes ?? (node === undefined ? [] : [node]);
}
