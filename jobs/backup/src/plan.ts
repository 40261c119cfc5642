import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { discover, type Discovery, type Source } from "@erlmcp/docker";
import { BackupError } from "@erlmcp/errors";
import type { Host } from "@erlmcp/host";
import type { Settings } from "@erlmcp/job";
import type { Request } from "./cli.ts";

export const volumesFolder = "/sources/volumes";
export const configFolder = "/sources/config";

/** What a run is going to take, decided before anything is touched. */
export interface Plan extends Pick<Discovery, "sources" | "excluded" | "notes"> {
  /** Folders that are mounted into this container, by the name that their component's source gets. */
  readonly mounted: readonly { name: string; path: string; component: "volumes" | "config" }[];
}

/** @throws BackupError NOT_FOUND when there is nothing at all to take */
export async function planBackup(host: Host, settings: Settings, request: Request): Promise<Plan> {
  const [containers, volumes] = [await host.engine.containers(), await host.engine.volumes()];
  const found = discover({
    containers,
    volumes,
    settings: {
      project: settings.values.BACKUP_PROJECT,
      only: request.only === undefined ? undefined : [...request.only],
      selfId: host.self.container.id,
    },
  });
  const wants = (component: "volumes" | "config") => request.only === undefined || request.only.has(component);
  const mounted = [
    ...(wants("volumes") ? await mountedVolumes() : []),
    ...(wants("config") ? await mountedConfig() : []),
  ];
  if (found.sources.length === 0 && mounted.length === 0) throw nothingFound(settings, request);
  return { ...found, mounted };
}

/** Volumes that must be mounted before they can be read: those that aren't here yet. */
export function missingMounts(plan: Plan): { name: string; target: string }[] {
  const here = new Set(plan.mounted.filter(({ component }) => component === "volumes").map(({ name }) => name));
  return plan.sources.flatMap((source) => {
    if (source.kind !== "volume" || source.unavailable !== undefined || here.has(source.name)) return [];
    return [{ name: source.name, target: join(volumesFolder, source.name) }];
  });
}

/** Folders below /sources that no volume source stands for: mounted by the operator. */
export function foldersOnly(plan: Plan): Plan["mounted"] {
  const volumes = new Set(plan.sources.flatMap((source) => (source.kind === "volume" ? [source.name] : [])));
  return plan.mounted.filter(({ name, component }) => component === "config" || !volumes.has(name));
}

/** Stopping and pausing comes last, so that what runs in these containers has been captured before. */
export function inOrder(sources: readonly Source[]): { first: Source[]; quiet: Source[] } {
  return { first: sources.filter((source) => !needsQuiet(source)), quiet: sources.filter(needsQuiet) };
}

function needsQuiet(source: Source): boolean {
  return source.kind === "volume" && source.during.length > 0;
}

async function mountedVolumes(): Promise<Plan["mounted"]> {
  const names = await folderNames(volumesFolder);
  return names.map((name) => ({ name, path: join(volumesFolder, name), component: "volumes" }));
}

async function mountedConfig(): Promise<Plan["mounted"]> {
  const present = (await folderNames("/sources")).includes("config");
  return present ? [{ name: configFolder, path: configFolder, component: "config" }] : [];
}

async function folderNames(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

function nothingFound(settings: Settings, request: Request): BackupError {
  const project = settings.values.BACKUP_PROJECT;
  const where = project === undefined ? "on this engine" : `in the Compose project ${project}`;
  const what = request.only === undefined ? "nothing" : `nothing of ${[...request.only].join(", ")}`;
  return new BackupError("NOT_FOUND", `${what} was found to back up ${where}`, {
    hint: "Give containers the labels erlmcp.backup.* (see the README), or check BACKUP_PROJECT and --only.",
  });
}
