import type Docker from "dockerode";
import { z } from "zod";
import type { Mount } from "./types.ts";

/** On every sibling; its value is the ID of the container that started it. */
export const siblingLabel = "erlmcp.job.sibling";

export interface SiblingMount {
  volume: string;
  target: string;
  readOnly: boolean;
}

export interface SiblingSpec {
  cmd: readonly string[];
  env?: Readonly<Record<string, string>> | undefined; // besides our own container's, which it gets unchanged
  mounts: readonly SiblingMount[];
  labels?: Readonly<Record<string, string>> | undefined;
  image?: string | undefined; // another job's, which then begins as that image says; our own when undefined
}

const propagation = z.enum(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);

// What a sibling takes over from our container, as the engine tells it and takes it.
const hostKeys = [
  "CapAdd",
  "CapDrop",
  "CgroupParent",
  "CgroupnsMode",
  "CpuPeriod",
  "CpuQuota",
  "CpuShares",
  "CpusetCpus",
  "CpusetMems",
  "Dns",
  "DnsOptions",
  "DnsSearch",
  "ExtraHosts",
  "GroupAdd",
  "IpcMode",
  "LogConfig",
  "Memory",
  "MemoryReservation",
  "MemorySwap",
  "NanoCpus",
  "NetworkMode",
  "OomKillDisable",
  "OomScoreAdj",
  "PidMode",
  "PidsLimit",
  "Privileged",
  "ReadonlyRootfs",
  "Runtime",
  "SecurityOpt",
  "ShmSize",
  "Sysctls",
  "Tmpfs",
  "Ulimits",
  "UsernsMode",
] as const;

/** What the engine's list of mounts in force does not tell of them. */
const HostMount = z.object({
  Type: z.string(),
  Target: z.string(),
  BindOptions: z.object({ Propagation: propagation.optional() }).nullish(),
  VolumeOptions: z.object({ Subpath: z.string().optional() }).nullish(),
  TmpfsOptions: z.object({ SizeBytes: z.int().default(0), Mode: z.int().default(0o1777) }).nullish(),
});
type HostMount = z.infer<typeof HostMount>;

/** Our own container, as far as a sibling is made like it. */
export const Template = z.object({
  Image: z.string(),
  Config: z.object({
    Env: z.array(z.string()).nullish(),
    User: z.string().default(""),
    WorkingDir: z.string().default(""),
    Entrypoint: z.array(z.string()).nullish(),
    StopSignal: z.string().optional(),
    StopTimeout: z.int().nullish(),
  }),
  HostConfig: z.looseObject({ Mounts: z.array(HostMount).nullish() }),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()).nullish() }),
});
export type Template = z.infer<typeof Template>;

/** Its input is held open by whoever started it and nobody else: the end of it means that this one is gone. */
export const heldByInput = {
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
  OpenStdin: true,
  StdinOnce: true,
  Tty: false,
};

/**
 * The engine's words for a container like ours: same image, environment, mounts, networks, user and limits, with
 * the wanted volumes beside. It gets no terminal: with one, the engine never tells it that its input has ended, and
 * that end is how it learns of our death. It gets the engine's init: as the first process of its container it would
 * ignore an order to stop that comes before it listens for one.
 */
export function siblingSpec(
  template: Template,
  own: { id: string; mounts: readonly Mount[] },
  spec: SiblingSpec,
): Docker.ContainerCreateOptions {
  const { Config: config } = template;
  const env = Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const options = {
    Image: spec.image ?? template.Image,
    Cmd: [...spec.cmd],
    ...(config.Entrypoint && spec.image === undefined ? { Entrypoint: config.Entrypoint } : {}),
    Env: [...(config.Env ?? []), ...env],
    User: config.User,
    WorkingDir: config.WorkingDir,
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
    ...(config.StopTimeout ? { StopTimeout: config.StopTimeout } : {}),
    Labels: { ...spec.labels, [siblingLabel]: own.id },
    ...heldByInput,
    HostConfig: {
      ...hostConfig(template),
      Init: true,
      Mounts: mountsOf(template, own.mounts, spec.mounts),
      AutoRemove: true,
    },
  };
  return options;
}

function hostConfig(template: Template): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const key of hostKeys) if (template.HostConfig[key] !== undefined) kept[key] = template.HostConfig[key];
  return kept;
}

/** Networks besides the one that the network mode names. */
export function furtherNetworks(template: Template): string[] {
  const mode = template.HostConfig["NetworkMode"];
  const first = mode === "default" ? "bridge" : mode;
  return Object.keys(template.NetworkSettings.Networks ?? {}).filter((name) => name !== first);
}

/** Our own mounts as they are, whatever way they were asked for, then the wanted volumes. An empty volume stays empty. */
function mountsOf(template: Template, own: readonly Mount[], wanted: readonly SiblingMount[]): Docker.MountConfig {
  const asked = new Map((template.HostConfig.Mounts ?? []).map((mount) => [mount.Target, mount]));
  const targets = new Set(wanted.map(({ target }) => target));
  const mounts: Docker.MountConfig = [];
  for (const mount of own) {
    if (targets.has(mount.target)) continue;
    const { volume } = mount;
    if (volume !== undefined) mounts.push(volumeMount({ ...mount, volume }, asked.get(mount.target)));
    else if (mount.type === "bind") mounts.push(bindMount(mount, asked.get(mount.target)));
  }
  for (const mount of asked.values()) {
    if (mount.Type === "tmpfs" && !targets.has(mount.Target)) mounts.push(tmpfsMount(mount));
  }
  return [...mounts, ...wanted.map((mount) => volumeMount(mount, undefined))];
}

function volumeMount({ volume, target, readOnly }: SiblingMount, asked: HostMount | undefined): Docker.MountSettings {
  const part = asked?.VolumeOptions?.Subpath;
  const options = { NoCopy: true, Labels: {}, DriverConfig: { Name: "", Options: {} } };
  return {
    Type: "volume",
    Source: volume,
    Target: target,
    ReadOnly: readOnly,
    VolumeOptions: part === undefined ? options : { ...options, Subpath: part },
  };
}

function bindMount({ source, target, readOnly }: Mount, asked: HostMount | undefined): Docker.MountSettings {
  const spread = asked?.BindOptions?.Propagation;
  const options = spread === undefined ? {} : { BindOptions: { Propagation: spread } };
  return { Type: "bind", Source: source, Target: target, ReadOnly: readOnly, ...options };
}

function tmpfsMount({ Target, TmpfsOptions }: HostMount): Docker.MountSettings {
  return { Type: "tmpfs", Source: "", Target, ...(TmpfsOptions ? { TmpfsOptions } : {}) };
}
