import { dirname } from "node:path/posix";
import type { Mount } from "@erlmcp/docker";
import { awaitHealth } from "@erlmcp/host";
import { BackupError } from "@erlmcp/errors";
import { putApplicationFiles, putEtsTables, requireTaken } from "./boot-files.ts";
import { aliasesOf, type Drilling } from "./drilling.ts";
import type { NodeFiles } from "./erlang-files.ts";
import { askHealth, forDrill } from "./health-url.ts";
import type { DrilledNode } from "./plan.ts";
import type { Subject } from "./record.ts";

/** The application's container of one node, made and not started yet, or running. */
export interface Application {
  readonly node: DrilledNode;
  readonly id: string;
  readonly name: string;
}

/** What concerns the application as a whole. */
const application: Subject = { component: null, source: "application" };

/**
 * Starts the application's own image on what was restored: volumes and configuration in their places, Mnesia's backup and DETS
 * files where its nodes look for them, ETS tables once they run. Then it must say of itself that it is well.
 */
export async function bootApplication(drilling: Drilling, files: readonly NodeFiles[]): Promise<void> {
  const { record, host, context, signal, progress } = drilling;
  progress.step("starting the application");
  context.log.info("starting the application");
  if (files.length === 0) {
    record.wrong(application, "there is no Erlang node to start");
    return;
  }
  await record.attempt(application, async () => {
    const made = await record.time("prepare", application, () => makeContainers(drilling, files));
    for (const [at, one] of made.entries()) {
      const own = files[at];
      if (own !== undefined) await record.time("load", subjectOf(one), () => putApplicationFiles(drilling, one, own));
    }
    await record.time("boot", application, async () => {
      for (const { id } of made) await host.engine.start(id);
      await awaitHealth(host.engine, made, { signal, monotonicMs: context.monotonicMs });
      await askHealth(drilling);
    });
    for (const one of made) await requireTaken(drilling, one);
    for (const one of made) await putEtsTables(drilling, one);
    if (made.some(({ node }) => node.ets !== undefined))
      await awaitHealth(host.engine, made, { signal, monotonicMs: context.monotonicMs });
    for (const one of made) await noteHealthCheck(drilling, one);
  });
}

function subjectOf({ node }: Application): Subject {
  return { component: null, source: node.place.name };
}

/** Without a health check of its own or a URL, all that was seen is that it runs. */
async function noteHealthCheck({ host, record, settings }: Drilling, { id, node }: Application): Promise<void> {
  const health = await host.engine.health(id);
  const name = node.place.name;
  if (health === "healthy") record.notes.push(`${name}: its own health check passes on the restored data`);
  else if (settings.values.HEALTH_URL !== undefined) record.notes.push(`${name}: it runs, and HEALTH_URL answers well`);
  else record.notes.push(`${name}: it has no health check and HEALTH_URL is not set: it runs, and nobody asked more`);
}

async function makeContainers(drilling: Drilling, files: readonly NodeFiles[]): Promise<Application[]> {
  const { host, intent } = drilling;
  const live = await host.engine.containers();
  const volumes = new Volumes(drilling);
  const made: Application[] = [];
  const url = forDrill(drilling.settings.values.HEALTH_URL);
  for (const [at, { node }] of files.entries()) {
    const { place } = node;
    const image = intent.application_images.find(({ container }) => container === place.name);
    if (image === undefined) throw new BackupError("FAILED", `no image was chosen for ${place.name}`);
    const like = live.find(({ name }) => name === place.name);
    drilling.record.notes.push(sourceNote(place.name, { like: like?.imageId, image: image.id }));
    const name = `erlmcp-drill-${intent.tag}-application-${at}`;
    const mounts = [];
    for (const mount of place.mounts) mounts.push(await volumes.mount(mount));
    const id = await host.engine.throwaways.create(
      {
        name,
        image: image.id,
        hostname: place.hostname ?? node.node.split("@")[1],
        network: {
          name: intent.network,
          aliases: [...aliasesOf(place, node.node), ...(at === 0 && url !== undefined ? [url.hostname] : [])],
        },
        mounts,
        run: { kind: "own", like: like?.id },
      },
      intent.label,
    );
    if (like !== undefined) await copySecrets(drilling, { from: like.id, to: id });
    drilling.record.notes.push(...(like?.mounts ?? []).flatMap(notMounted(place.name)));
    made.push({ node, id, name });
  }
  return made;
}

const secrets = "/run/secrets";

/** What Compose puts there comes from outside of all volumes, and an application may not start without it. */
async function copySecrets({ host }: Drilling, { from, to }: { from: string; to: string }): Promise<void> {
  try {
    const tar = await host.engine.archive(from, secrets);
    await host.engine.putArchive(to, dirname(secrets), tar);
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== "NOT_FOUND") throw error; // it has none
  }
}

/** Folders of the host are no part of a restore point, and the drill keeps away from them. */
function notMounted(container: string): (mount: Mount) => string[] {
  return ({ type, source, target }) =>
    type !== "bind" || target.startsWith(`${secrets}/`)
      ? []
      : [`${container}: ${source} of the host, which it has at ${target}, was not there`];
}

function sourceNote(name: string, { like, image }: { like: string | undefined; image: string }): string {
  if (like === undefined) return `${name}: started as its image says, for there is no such container to look at`;
  const same = like === image ? "" : ", which has another image now";
  return `${name}: started with the environment, command, user and health check of the container that is there${same}`;
}

/** The throwaway volume for each of a container's: restored, or new and as the image begins it. */
class Volumes {
  readonly #drilling: Drilling;
  readonly #made = new Map<string, string>();

  constructor(drilling: Drilling) {
    this.#drilling = drilling;
  }

  async mount({ volume, target }: { volume: string; target: string }) {
    const { plan, intent, host, record } = this.#drilling;
    const tree = plan.trees.find(({ source }) => source.component === "volumes" && source.name === volume);
    const restored = tree === undefined ? undefined : intent.volumes[tree.key];
    if (restored !== undefined) return { volume: restored, target, fromImage: false };
    const known = this.#made.get(volume);
    if (known !== undefined) return { volume: known, target, fromImage: true };
    const name = `erlmcp-drill-${intent.tag}-empty-${this.#made.size}`;
    await host.engine.throwaways.volume(name, intent.label);
    this.#made.set(volume, name);
    record.notes.push(`volume ${volume} is not in the restore point: the application began with an empty one`);
    return { volume: name, target, fromImage: true };
  }
}
