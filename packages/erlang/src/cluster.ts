import type { OpenNode } from "./node.ts";

/** Nodes that share one Mnesia. `missing` are nodes of its schema that nobody opened. */
export interface Cluster {
  name: string;
  first: OpenNode;
  nodes: OpenNode[];
  missing: string[];
}

/** Groups the nodes where Mnesia runs by whom they see running in it. Pure; in the order of node names. */
export function groupClusters(opened: readonly OpenNode[]): Cluster[] {
  const byName = opened.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
  const clusters: Cluster[] = [];
  for (const node of byName) {
    const { mnesia } = node.inventory;
    if (mnesia.running !== "yes") continue;
    const known = clusters.find(({ first }) => first.inventory.mnesia.running_nodes.includes(nameOf(node)));
    if (known === undefined) clusters.push({ name: "", first: node, nodes: [node], missing: [] });
    else known.nodes.push(node);
  }
  return clusters.map(({ first, nodes }) => {
    const members = new Set(nodes.map(nameOf));
    const { db_nodes } = first.inventory.mnesia;
    return {
      first,
      nodes,
      name: db_nodes.toSorted().join("+"),
      missing: db_nodes.filter((name) => !members.has(name)).toSorted(),
    };
  });
}

function nameOf(node: OpenNode): string {
  return node.inventory.identity.node;
}
