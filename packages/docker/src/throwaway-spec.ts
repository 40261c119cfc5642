import type Docker from "dockerode";
import { z } from "zod";

/** On everything that a drill makes; its value is the ID of the container that holds the drill. Nothing with it is ever backed up. */
export const throwawayLabel = "erlmcp.drill";

/** A container that is removed when its work is done. It publishes nothing and reaches only its own network. */
export interface ThrowawaySpec {
  readonly name: string;
  readonly image: string; // its ID: never pulled
  readonly hostname?: string | undefined;
  readonly network: { readonly name: string; readonly aliases: readonly string[] };
  readonly mounts: readonly ThrowawayMount[];
  readonly env?: Readonly<Record<string, string>> | undefined; // the engine shows it to whoever may inspect: no secrets
  readonly run: Held | Own;
}

/** Does nothing but wait for processes that are started in it; it ends, and is gone, when we are. Needs `sh` and `cat` in the image. */
interface Held {
  readonly kind: "held";
  readonly user: string | undefined;
}

/** The image's own program, as the container `like` runs it (environment, command, user, health check), or as the image says. */
interface Own {
  readonly kind: "own";
  readonly like: string | undefined; // a container that is there; it is only looked at
}

export interface ThrowawayMount {
  readonly volume: string;
  readonly target: string;
  readonly fromImage: boolean; // an empty volume begins with what the image has there
}

/** What is taken over from a live container: what its program needs. No mounts, networks, ports, devices or privileges. */
export const LiveContainer = z.object({
  Config: z.object({
    Env: z.array(z.string()).nullish(),
    Cmd: z.array(z.string()).nullish(),
    Entrypoint: z.array(z.string()).nullish(),
    User: z.string().default(""),
    WorkingDir: z.string().default(""),
    StopSignal: z.string().optional(),
    Healthcheck: z
      .object({
        Test: z.array(z.string()).optional(),
        Interval: z.int().optional(),
        Timeout: z.int().optional(),
        StartPeriod: z.int().optional(),
        StartInterval: z.int().optional(),
        Retries: z.int().optional(),
      })
      .nullish(),
  }),
  HostConfig: z.object({
    ShmSize: z.int().optional(),
    Ulimits: z.array(z.object({ Name: z.string(), Soft: z.int(), Hard: z.int() })).nullish(),
    Tmpfs: z.record(z.string(), z.string()).nullish(),
    CapAdd: z.array(z.string()).nullish(),
    Memory: z.int().optional(),
  }),
});
export type LiveContainer = z.infer<typeof LiveContainer>;

/** The engine's words for a throwaway container. Pure. */
export function throwawaySpec(
  spec: ThrowawaySpec,
  { label, live }: { label: string; live: LiveContainer | undefined },
): Docker.ContainerCreateOptions {
  const { network } = spec;
  return {
    ...(spec.run.kind === "held" ? heldConfig(spec.run) : ownConfig(live)),
    name: spec.name,
    Image: spec.image,
    ...(spec.hostname === undefined ? {} : { Hostname: spec.hostname }),
    Env: [...(live?.Config.Env ?? []), ...Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`)],
    Labels: { [throwawayLabel]: label },
    NetworkingConfig: { EndpointsConfig: { [network.name]: { Aliases: [...network.aliases] } } },
    HostConfig: {
      ...hostConfig(live),
      AutoRemove: spec.run.kind === "held",
      NetworkMode: network.name,
      SecurityOpt: ["no-new-privileges:true"],
      PublishAllPorts: false,
      Mounts: spec.mounts.map(({ volume, target, fromImage }) => ({
        Type: "volume",
        Source: volume,
        Target: target,
        ReadOnly: false,
        VolumeOptions: { NoCopy: !fromImage, Labels: {}, DriverConfig: { Name: "", Options: {} } },
      })),
    },
  };
}

function heldConfig({ user }: Held): Docker.ContainerCreateOptions {
  return {
    Entrypoint: ["sh", "-c", "cat >/dev/null"],
    Cmd: [],
    ...(user === undefined ? {} : { User: user }),
    Healthcheck: { Test: ["NONE"] },
    StopSignal: "SIGKILL",
    AttachStdin: true,
    OpenStdin: true,
    StdinOnce: true,
    Tty: false,
  };
}

function ownConfig(live: LiveContainer | undefined): Docker.ContainerCreateOptions {
  if (live === undefined) return {};
  const { Cmd, Entrypoint, User, WorkingDir, StopSignal, Healthcheck } = live.Config;
  return {
    ...(Cmd ? { Cmd } : {}),
    ...(Entrypoint ? { Entrypoint } : {}),
    User,
    WorkingDir,
    ...(StopSignal === undefined ? {} : { StopSignal }),
    ...(Healthcheck ? { Healthcheck: present(Healthcheck) } : {}),
  };
}

function hostConfig(live: LiveContainer | undefined): Docker.HostConfig {
  if (live === undefined) return {};
  const { ShmSize, Ulimits, Tmpfs, Memory } = live.HostConfig;
  return {
    ...(ShmSize === undefined ? {} : { ShmSize }),
    ...(Ulimits ? { Ulimits } : {}),
    ...(Tmpfs ? { Tmpfs } : {}),
    ...(Memory === undefined ? {} : { Memory }),
  };
}

/** Without the members that are undefined. */
function present(check: NonNullable<LiveContainer["Config"]["Healthcheck"]>): Docker.HealthConfig {
  const { Test, Interval, Timeout, StartPeriod, StartInterval, Retries } = check;
  return {
    ...(Test === undefined ? {} : { Test }),
    ...(Interval === undefined ? {} : { Interval }),
    ...(Timeout === undefined ? {} : { Timeout }),
    ...(StartPeriod === undefined ? {} : { StartPeriod }),
    ...(StartInterval === undefined ? {} : { StartInterval }),
    ...(Retries === undefined ? {} : { Retries }),
  };
}
