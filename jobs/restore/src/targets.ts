import type { Container, Source, Volume } from "@erlmcp/docker";
import type { Component } from "@erlmcp/entry";
import type { ManifestSource } from "@erlmcp/manifest";
import { nodesOf } from "@erlmcp/host";
import { z } from "zod";

const text = z.string().nullable().catch(null);
const PlaceOfContainer = z.object({ name: z.string(), service: text, hostname: text });
const PlaceOfVolume = z.object({ name: z.string(), short_name: text });
const Places = z.object({
  containers: z.array(PlaceOfContainer).catch([]),
  volumes: z.array(PlaceOfVolume).catch([]),
});

/** The installation as it is now. */
export interface Here {
  readonly sources: readonly Source[]; // what its labels say would be backed up
  readonly volumes: readonly Volume[];
}

export type Target =
  | { readonly kind: "container"; readonly containers: readonly Container[] }
  | { readonly kind: "volume"; readonly volume: Volume }
  | { readonly kind: "none"; readonly reason: string };

/** Where the worker finds a volume. Volume names have no slash. */
export function targetFolder(volume: string): string {
  return `/targets/volumes/${volume}`;
}

type SourceKind = Source["kind"];
const kinds: Record<Component, SourceKind> = {
  ets: "erlang",
  dets: "erlang",
  mnesia: "erlang",
  postgres: "postgres",
  config: "config",
  volumes: "volume",
};

/**
 * What stands here in the place of a captured source: that of the same name, else the one with the same name in the Compose
 * file, else the only one of its kind. Anything less certain is no target. Pure.
 */
export function findTarget(source: ManifestSource, here: Here): Target {
  return source.component === "volumes" ? volumeFor(source, here) : containerFor(source, here);
}

function volumeFor(source: ManifestSource, { volumes }: Here): Target {
  const exact = volumes.find(({ name }) => name === source.name);
  if (exact !== undefined) return { kind: "volume", volume: exact };
  const short = Places.parse(source.facts).volumes.find(({ name }) => name === source.name)?.short_name ?? null;
  const alike = short === null ? [] : volumes.filter(({ shortName }) => shortName === short);
  const [only, other] = alike;
  if (only !== undefined && other === undefined) return { kind: "volume", volume: only };
  if (only === undefined) return none(`there is no volume ${source.name}`);
  return none(
    `several volumes are called ${short ?? ""} in a Compose file: ${alike.map(({ name }) => name).join(", ")}`,
  );
}

function containerFor(source: ManifestSource, here: Here): Target {
  const kind = kinds[source.component];
  const candidates = here.sources.flatMap((found) =>
    found.kind === kind && found.kind !== "volume" ? [found.container] : [],
  );
  const recorded = recordedContainers(source);
  if (recorded.length === 0) return none("the restore point does not say which container it was");
  const found: Container[] = [];
  for (const place of recorded) {
    const container = match(place, candidates, recorded.length);
    if (typeof container === "string") return none(container);
    found.push(container);
  }
  return { kind: "container", containers: found };
}

type Place = z.infer<typeof PlaceOfContainer>;

/** Those that this source was in, in the order of its nodes: of a cluster all, of a node's ETS its own. */
function recordedContainers(source: ManifestSource): Place[] {
  const { containers } = Places.parse(source.facts);
  const names = nodesOf(source).map(({ container }) => container);
  if (names.length === 0) return containers;
  return names.flatMap((name) => containers.find((container) => container.name === name) ?? []);
}

function match(place: Place, candidates: readonly Container[], recorded: number): Container | string {
  const same = candidates.find(({ name }) => name === place.name);
  if (same !== undefined) return same;
  const service = candidates.filter(
    (container) => container.service !== undefined && container.service === place.service,
  );
  const [only, other] = service.length > 0 ? service : recorded === 1 ? candidates : [];
  if (only === undefined) return `there is no container for ${place.name}`;
  if (other === undefined) return only;
  return `several containers could be ${place.name}: ${[only, other].map(({ name }) => name).join(", ")}; narrow it by BACKUP_PROJECT`;
}

function none(reason: string): Target {
  return { kind: "none", reason };
}
