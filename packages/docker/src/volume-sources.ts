import type { ContainerLabels } from "./labels.ts";
import { labelPrefix } from "./labels.ts";
import type { DiscoverySettings, Excluded, VolumeSource } from "./source.ts";
import type { Container, Mount, Volume } from "./types.ts";

/** A container with what it asks for, and whether labels or its name say so. */
export interface Labelled {
  container: Container;
  labels: ContainerLabels;
  how: "label" | "name";
}

/** A volume that says itself whether it is taken. */
export interface VolumeWish {
  volume: Volume;
  take: boolean;
  reason: string;
  named: boolean; // meant, whatever it holds
}

export interface VolumeQuestion {
  containers: readonly Labelled[];
  wishes: readonly VolumeWish[];
  volumes: readonly Volume[];
  all: readonly Container[]; // of every project: a volume may be shared
  settings: DiscoverySettings;
}

interface Claim {
  volume: Volume | undefined;
  reasons: string[];
  named: boolean;
  unavailable: string | undefined;
}

/** Which volumes are taken, each once however many containers share it, and which are not, with the reason. */
export function discoverVolumes(question: VolumeQuestion): { sources: VolumeSource[]; excluded: Excluded[] } {
  const claims = new Map<string, Claim>();
  const excluded: Excluded[] = [];
  const refused = new Map(question.wishes.filter(({ take }) => !take).map((wish) => [wish.volume.name, wish.reason]));
  for (const { volume, take, reason, named } of question.wishes) {
    if (take) claim(claims, volume.name, { volume, reasons: [reason], named, unavailable: undefined });
  }
  for (const labelled of question.containers) claimMounts(question, labelled, { claims, excluded });

  const sources: VolumeSource[] = [];
  for (const [name, found] of [...claims].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const reason = found.unavailable === undefined ? whyNot(question, name, { found, refused }) : undefined;
    if (reason !== undefined) {
      excluded.push({ component: "volumes", source: name, name, reason });
      continue;
    }
    const { volume, reasons, unavailable } = found;
    const during = quietFor(question.containers, name);
    sources.push({ kind: "volume", name, volume, reason: reasons.join("; "), unavailable, during });
  }
  return { sources, excluded: excluded.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function claim(claims: Map<string, Claim>, name: string, wish: Claim): void {
  const known = claims.get(name);
  if (known === undefined) {
    claims.set(name, wish);
    return;
  }
  known.reasons.push(...wish.reasons);
  known.named ||= wish.named;
}

function claimMounts(
  question: VolumeQuestion,
  { container, labels }: Labelled,
  into: { claims: Map<string, Claim>; excluded: Excluded[] },
): void {
  const asked = labels.volumes;
  if (asked === undefined) return;
  const reason = `label ${labelPrefix}.volumes of container ${container.name}`;
  const byName = new Map(question.volumes.map((volume) => [volume.name, volume]));
  if (asked === "all") {
    for (const mount of container.mounts) {
      const volume = byName.get(mount.volume ?? "");
      if (volume === undefined || volume.anonymous) into.excluded.push(untakable(container, mount));
      else claim(into.claims, volume.name, { volume, reasons: [reason], named: false, unavailable: undefined });
    }
    return;
  }
  for (const name of asked) {
    const volume = mountedVolume(container, name, byName);
    const unavailable = volume === undefined ? `container ${container.name} has no volume ${name}` : undefined;
    claim(into.claims, volume?.name ?? name, { volume, reasons: [reason], named: true, unavailable });
  }
}

/** A container's volume by its own name, or the one that the Compose file gives it. */
function mountedVolume(container: Container, name: string, byName: Map<string, Volume>): Volume | undefined {
  const mounted = container.mounts.flatMap(({ volume }) => byName.get(volume ?? "") ?? []);
  return (
    mounted.find((volume) => volume.name === name) ??
    mounted.find((volume) => volume.shortName === name && volume.project === container.project)
  );
}

function untakable(container: Container, mount: Mount): Excluded {
  const what = { component: "volumes", source: container.name, name: mount.target } as const;
  if (mount.type === "bind") {
    const advice = "mount it in the job at /sources/volumes/NAME to have it taken";
    return { ...what, reason: `${mount.source} is a folder of the host, no volume; ${advice}` };
  }
  if (mount.type === "volume")
    return { ...what, reason: "the volume has no name of its own; give it one to have it taken" };
  return { ...what, reason: "it is no volume and holds nothing that outlives the container" };
}

function whyNot(
  { containers, all, settings }: VolumeQuestion,
  name: string,
  { found, refused }: { found: Claim; refused: Map<string, string> },
): string | undefined {
  const holds = (container: Container, readOnly: boolean): boolean =>
    container.mounts.some((mount) => mount.volume === name && (readOnly || !mount.readOnly));
  if (all.some((container) => container.id === settings.selfId && holds(container, false))) {
    return "this job writes to it";
  }
  if (found.named) return undefined;
  const database = containers.find(({ container, labels }) => labels.postgres !== undefined && holds(container, true));
  if (database === undefined) return refused.get(name);
  return `it belongs to the PostgreSQL server of container ${database.container.name}, which is dumped; name it to have it taken as it is`;
}

/** Containers that have the volume and want to be still while it is read, by name. */
function quietFor(containers: readonly Labelled[], name: string): VolumeSource["during"] {
  return containers.flatMap(({ container, labels }) => {
    const has = container.mounts.some(({ volume }) => volume === name);
    return has && labels.during !== "run" ? [{ container, action: labels.during }] : [];
  });
}
