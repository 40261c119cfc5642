import { BackupError } from "@erlmcp/errors";
import { fallbackLabels, fallbackVolume } from "./fallback.ts";
import { isBackupLabel, labelPrefix, readContainerLabels, type ContainerLabels } from "./labels.ts";
import { siblingLabel } from "./sibling-spec.ts";
import {
  components,
  type ComponentName,
  type ConfigSource,
  type Discovery,
  type ErlangSource,
  type Installation,
  type PostgresSource,
  type Source,
} from "./source.ts";
import { throwawayLabel } from "./throwaway-spec.ts";
import type { Container } from "./types.ts";
import { discoverVolumes, type Labelled, type VolumeWish } from "./volume-sources.ts";

/**
 * Finds what there is to back up by the labels of contract.md, §3. Pure: the same installation gives the same plan.
 *
 * @throws BackupError CONFIG_INVALID with everything that is wrong with the labels, each by container and label
 */
export function discover({ containers, volumes, settings }: Installation): Discovery {
  const inProject = (project: string | undefined): boolean =>
    settings.project === undefined || settings.project === project;
  const looked = containers.filter((container) => inProject(container.project) && !isJob(container, settings.selfId));
  const lookedVolumes = volumes.filter(({ project, labels }) => inProject(project) && !(throwawayLabel in labels));
  const labelled = [...looked, ...lookedVolumes].some(({ labels }) => Object.keys(labels).some(isBackupLabel));
  const notes: string[] = [];
  if (!labelled)
    notes.push(
      "no container or volume has a label erlmcp.backup…; images, services and volumes are taken by their names",
    );

  const wishes = labelled
    ? readAllLabels(looked.filter((container) => !skipOneOff(container, notes)))
    : looked.flatMap(guess);
  const wanted = new Set<ComponentName>(settings.only ?? components);
  const volumeWishes = labelled ? readVolumeLabels(lookedVolumes) : lookedVolumes.flatMap(guessVolume);
  const found = discoverVolumes({ containers: wishes, wishes: volumeWishes, volumes, all: containers, settings });
  const sources: Source[] = [
    ...wishes.flatMap((wish) => erlangSource(wish, wanted)),
    ...wishes.flatMap((wish) => postgresSource(wish, wanted)),
    ...(wanted.has("volumes") ? found.sources : []),
    ...wishes.flatMap((wish) => configSource(wish, wanted)),
  ];
  return { sources, excluded: wanted.has("volumes") ? found.excluded : [], notes };
}

function isJob({ id, labels }: Container, selfId: string | undefined): boolean {
  return id === selfId || [siblingLabel, throwawayLabel, "erlmcp.job"].some((label) => label in labels);
}

/** `docker compose run` copies a service's labels to a container beside it; taking both would take everything twice. */
function skipOneOff(container: Container, notes: string[]): boolean {
  if (!container.oneOff || !Object.keys(container.labels).some(isBackupLabel)) return false;
  notes.push(`container ${container.name} is a one-off of docker compose run and is not looked at`);
  return true;
}

function readAllLabels(containers: readonly Container[]): Labelled[] {
  const problems: string[] = [];
  const read = containers.map((container): Labelled => {
    const complain = (label: string, problem: string): void => {
      problems.push(`container ${container.name}: label ${label} ${problem}`);
    };
    return { container, labels: readContainerLabels(container.labels, complain), how: "label" };
  });
  refuse(problems);
  return read;
}

function readVolumeLabels(volumes: Installation["volumes"]): VolumeWish[] {
  const problems: string[] = [];
  const wishes = volumes.flatMap((volume): VolumeWish[] => {
    for (const label of Object.keys(volume.labels)) {
      if (isBackupLabel(label) && label !== labelPrefix) {
        problems.push(`volume ${volume.name}: label ${label} is no label that is known`);
      }
    }
    const value = volume.labels[labelPrefix]?.trim();
    if (value === undefined) return [];
    if (value !== "true" && value !== "false") {
      problems.push(`volume ${volume.name}: label ${labelPrefix} is "${value}" and not true or false`);
    }
    return [{ volume, take: value === "true", reason: `label ${labelPrefix}=${value} of the volume`, named: true }];
  });
  refuse(problems);
  return wishes;
}

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new BackupError("CONFIG_INVALID", problems.join("; "), {
    hint: "Correct the labels in the Compose file, then docker compose up -d.",
  });
}

function guess(container: Container): Labelled[] {
  const labels = container.oneOff ? undefined : fallbackLabels(container);
  return labels === undefined ? [] : [{ container, labels, how: "name" }];
}

function guessVolume(volume: Installation["volumes"][number]): VolumeWish[] {
  return fallbackVolume(volume) ? [{ volume, take: true, reason: "its name", named: false }] : [];
}

function reasonOf({ how, container }: Labelled, label: keyof ContainerLabels): string {
  return how === "label"
    ? `label ${labelPrefix}.${label} of container ${container.name}`
    : `image ${container.image}${container.service === undefined ? "" : `, service ${container.service}`}`;
}

function notRunning({ container }: Labelled): string | undefined {
  return container.state === "running" ? undefined : `container ${container.name} is ${container.state}, not running`;
}

function erlangSource(wish: Labelled, wanted: ReadonlySet<ComponentName>): ErlangSource[] {
  const { container, labels } = wish;
  const parts = (["ets", "dets", "mnesia"] as const).filter((part) => wanted.has(part));
  if (labels.erlang === undefined || parts.length === 0) return [];
  const facts = { name: container.name, reason: reasonOf(wish, "erlang"), unavailable: notRunning(wish) };
  return [{ kind: "erlang", ...facts, container, components: parts, settings: labels.erlang }];
}

function postgresSource(wish: Labelled, wanted: ReadonlySet<ComponentName>): PostgresSource[] {
  const { container, labels } = wish;
  if (labels.postgres === undefined || !wanted.has("postgres")) return [];
  const facts = { name: container.name, reason: reasonOf(wish, "postgres"), unavailable: notRunning(wish) };
  return [{ kind: "postgres", ...facts, container, settings: labels.postgres }];
}

function configSource(wish: Labelled, wanted: ReadonlySet<ComponentName>): ConfigSource[] {
  const { container, labels } = wish;
  if (labels.config === undefined || !wanted.has("config")) return [];
  const gone = container.state === "removing" || container.state === "dead";
  const unavailable = gone ? `container ${container.name} is ${container.state}` : undefined;
  const facts = { name: container.name, reason: reasonOf(wish, "config"), unavailable };
  return [{ kind: "config", ...facts, container, paths: labels.config }];
}
