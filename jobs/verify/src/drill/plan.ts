import { BackupError } from "@erlmcp/errors";
import { nodesOf, type RecordedNode } from "@erlmcp/host";
import type { ManifestSource } from "@erlmcp/manifest";
import { clusterOf, placesOf, type Place } from "./recorded.ts";

/** A throwaway Erlang node: what it is called, and what it loads. */
export interface DrilledNode {
  readonly key: string; // in names of folders and containers
  readonly node: string;
  readonly otp: string;
  readonly place: Place;
  readonly mnesia: ManifestSource | undefined;
  readonly directory: string | undefined; // of Mnesia, in the container that was captured
  readonly peers: readonly string[];
  readonly alone: boolean; // nodes of its cluster are not in the restore point
  readonly ets: ManifestSource | undefined;
  readonly dets: ManifestSource | undefined;
}

export interface DrilledServer {
  readonly key: string;
  readonly source: ManifestSource;
  readonly place: Place;
}

/** A tree of files. Volumes get a throwaway volume each, configuration a folder. */
export interface DrilledTree {
  readonly key: string;
  readonly source: ManifestSource;
}

/** All that one restore point is taken apart into. */
export interface DrillPlan {
  readonly nodes: readonly DrilledNode[];
  readonly servers: readonly DrilledServer[];
  readonly trees: readonly DrilledTree[];
}

/** Pure. @throws BackupError CORRUPT when it does not say where a node or server was */
export function planDrill(sources: readonly ManifestSource[]): DrillPlan {
  const servers = sources.filter(({ component }) => component === "postgres");
  const trees = sources.filter(({ component }) => component === "volumes" || component === "config");
  return {
    nodes: planNodes(sources),
    servers: servers.map((source, at) => ({ key: `postgres-${at}`, source, place: serverPlace(source) })),
    trees: trees.map((source, at) => ({ key: `tree-${at}`, source })),
  };
}

interface Gathered {
  readonly recorded: RecordedNode;
  readonly place: Place;
  readonly of: Map<string, ManifestSource>;
}

const erlang = new Set(["ets", "dets", "mnesia"]);

/** The sources of one node, gathered by its container: nodes of two installations may have the same name. */
function planNodes(sources: readonly ManifestSource[]): DrilledNode[] {
  const found = new Map<string, Gathered>();
  for (const source of sources.filter(({ component }) => erlang.has(component))) {
    const nodes = nodesOf(source);
    if (nodes.length === 0) throw homeless(source);
    for (const recorded of nodes) {
      const place = placesOf(source).find(({ name }) => name === recorded.container);
      if (place === undefined) throw homeless(source);
      const gathered = found.get(place.name) ?? { recorded, place, of: new Map<string, ManifestSource>() };
      gathered.of.set(source.component, source);
      found.set(place.name, gathered);
    }
  }
  return [...found.values()].map(({ recorded, place, of }, at) => {
    const mnesia = of.get("mnesia");
    const all = mnesia === undefined ? [] : nodesOf(mnesia);
    const own = all.find(({ container }) => container === place.name);
    const here = all.map(({ node }) => node);
    return {
      key: `node-${at}`,
      node: recorded.node,
      otp: recorded.otp,
      place,
      mnesia,
      directory: own?.directory,
      peers: here.filter((node) => node !== recorded.node),
      alone: mnesia !== undefined && clusterOf(mnesia).some((node) => !here.includes(node)),
      ets: of.get("ets"),
      dets: of.get("dets"),
    };
  });
}

function serverPlace(source: ManifestSource): Place {
  const [place] = placesOf(source);
  if (place === undefined) throw homeless(source);
  return place;
}

function homeless({ component, name }: ManifestSource): BackupError {
  return new BackupError("CORRUPT", `the restore point does not say which container ${component} ${name} was in`, {
    hint: "Take a new full backup; this one can be unpacked with restore --to.",
  });
}
