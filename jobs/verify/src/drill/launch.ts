import { randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import { BackupError } from "@erlmcp/errors";
import { accessTo, workerVariable, type Host } from "@erlmcp/host";
import type { Repository } from "@erlmcp/fs";
import type { JobContext, Settings } from "@erlmcp/job";
import { openRestorePoint, type Encryption } from "@erlmcp/restore-point";
import { chooseImage, type ChosenImage } from "./images.ts";
import { DrillResult, intentVariable, volumeFolder, workFolder, type DrillIntent } from "./intent.ts";
import { planDrill, type DrillPlan } from "./plan.ts";

export interface DrillLaunch {
  readonly context: JobContext;
  readonly settings: Settings;
  readonly encryption: Encryption | undefined;
  readonly repository: Repository;
  readonly host: Host;
  readonly boot: boolean;
}

/** What became of a drill. */
export interface Drilled {
  readonly images: readonly ChosenImage[];
  readonly result: DrillResult;
}

/**
 * Drills one restore point in a sibling of ours, which has throwaway volumes mounted. Whatever happens, nothing of it remains:
 * what a killed run has left goes with the next one.
 *
 * @throws BackupError NOT_FOUND (an image that is not here), CONFIG_INVALID (one of another release), FAILED
 */
export async function drillRestorePoint(launch: DrillLaunch, id: string): Promise<Drilled> {
  const { context, host, repository, encryption } = launch;
  const { throwaways } = host.engine;
  const removed = await throwaways.removeAbandoned();
  if (removed > 0) context.log.info({ removed }, "removed what a killed drill had left");
  const plan = await planOf(accessTo(repository, encryption), id);
  const images = await chooseImages(launch, plan);
  const label = host.self.container.id;
  try {
    const intent = await prepare(launch, { id, plan, label, images });
    context.log.info({ restore_point: id, images: images.all }, "drilling");
    return { images: images.all, result: await runWorker(launch, intent) };
  } finally {
    await throwaways.removeAll(label);
  }
}

async function planOf(access: Parameters<typeof openRestorePoint>[0], id: string): Promise<DrillPlan> {
  const point = await openRestorePoint(access, id);
  try {
    return planDrill(point.manifest.contents.sources);
  } finally {
    await point.close();
  }
}

interface Images {
  readonly bare: ChosenImage[];
  readonly application: ChosenImage[];
  readonly all: ChosenImage[]; // each once
}

async function chooseImages({ host, settings, boot }: DrillLaunch, plan: DrillPlan): Promise<Images> {
  const { DRILL_ERLANG_IMAGE, DRILL_POSTGRES_IMAGE, DRILL_APPLICATION_IMAGE } = settings.values;
  const bare: ChosenImage[] = [];
  const application: ChosenImage[] = [];
  for (const { place } of plan.nodes) {
    bare.push(await chooseImage(host.engine, place, { name: "DRILL_ERLANG_IMAGE", value: DRILL_ERLANG_IMAGE }));
    if (!boot) continue;
    const setting = { name: "DRILL_APPLICATION_IMAGE", value: DRILL_APPLICATION_IMAGE };
    application.push(await chooseImage(host.engine, place, setting));
  }
  for (const { place } of plan.servers) {
    bare.push(await chooseImage(host.engine, place, { name: "DRILL_POSTGRES_IMAGE", value: DRILL_POSTGRES_IMAGE }));
  }
  const all = new Map([...bare, ...application].map((one) => [`${one.container} ${one.id}`, one]));
  return { bare, application, all: [...all.values()] };
}

async function prepare(
  { host, boot }: DrillLaunch,
  { id, plan, label, images }: { id: string; plan: DrillPlan; label: string; images: Images },
): Promise<DrillIntent> {
  const { throwaways } = host.engine;
  const tag = randomBytes(4).toString("hex");
  const named = (what: string): string => `erlmcp-drill-${tag}-${what}`;
  const captured = plan.trees.filter(({ source }) => source.component === "volumes");
  const volumes = Object.fromEntries(captured.map(({ key }) => [key, named(key)]));
  await throwaways.network(named("network"), label);
  for (const volume of [named("work"), ...Object.values(volumes)]) await throwaways.volume(volume, label);
  const made = { tag, label, network: named("network"), work: named("work"), volumes };
  return { id, ...made, images: images.bare, application_images: images.application, boot };
}

const resultLimit = 64 * 1024 * 1024; // bytes

async function runWorker({ context, host }: DrillLaunch, intent: DrillIntent): Promise<DrillResult> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const mounts = Object.entries(intent.volumes).map(([key, volume]) => ({
    volume,
    target: volumeFolder(key),
    readOnly: false,
  }));
  const sibling = await host.engine.startSibling({
    cmd: [...context.argv],
    env: {
      [intentVariable]: JSON.stringify(intent),
      [workerVariable]: context.stderr.isTTY ? String(context.stderr.columns) : "0",
    },
    mounts: [{ volume: intent.work, target: workFolder, readOnly: false }, ...mounts],
    labels: { "erlmcp.job": "verify" },
    stdout: sink((piece) => {
      bytes += piece.length;
      if (bytes <= resultLimit) pieces.push(piece);
    }),
    stderr: sink((piece) => context.stderr.write(piece)),
    signal: context.signal,
  });
  const exitCode = await sibling.exitCode;
  context.signal.throwIfAborted();
  if (exitCode !== 0) {
    throw new BackupError("FAILED", `the drill of ${intent.id} was ended (exit status ${exitCode})`, {
      hint: exitCode === 137 ? "It may have had too little memory; see docker events." : "See the log above.",
    });
  }
  return DrillResult.parse(JSON.parse(Buffer.concat(pieces).toString("utf8")));
}

function sink(take: (piece: Buffer) => void): Writable {
  return new Writable({
    decodeStrings: true,
    write(piece: Buffer, _encoding, done) {
      take(piece);
      done();
    },
  });
}
