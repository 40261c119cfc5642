import { z } from "zod";
import { ContainerState, Health, type Container, type ImageFacts, type Mount, type Volume } from "./types.ts";

// The engine's answers, as far as they are used. Everything else in them is ignored: engines differ in it.

const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const WireMount = z.object({
  Type: z.string().optional(),
  Name: z.string().optional(),
  Source: z.string().default(""),
  Destination: z.string(),
  RW: z.boolean().default(true),
});

const WireContainer = z.object({
  Id: z.string().regex(/^[0-9a-f]{64}$/),
  Name: z.string(),
  Image: z.string(),
  State: z.object({ Status: ContainerState }),
  Config: z.object({ Image: z.string(), Hostname: z.string().default(""), Labels: labels }),
  Mounts: z
    .array(WireMount)
    .nullish()
    .transform((value) => value ?? []),
  NetworkSettings: z.object({
    Networks: z
      .record(z.string(), z.unknown())
      .nullish()
      .transform((value) => value ?? {}),
  }),
});

const WireVolume = z.object({ Name: z.string().min(1), Driver: z.string().default("local"), Labels: labels });
const WireVolumes = z.object({
  Volumes: z
    .array(WireVolume)
    .nullish()
    .transform((value) => value ?? []),
});

const WireImage = z.object({
  Id: z.string(),
  RepoDigests: z.array(z.string()).nullish(),
  Config: z.object({ Labels: labels }).nullish(),
});

export const WireVersion = z.object({
  Version: z.string(),
  ApiVersion: z.string(),
  Os: z.string().default(""),
  Arch: z.string().default(""),
});
export const WireExec = z.object({ Running: z.boolean(), ExitCode: z.int().nullish() });
export const WireExit = z.object({ StatusCode: z.int(), Error: z.object({ Message: z.string() }).nullish() });

const mountTypes = ["volume", "bind", "tmpfs"] as const;

function readMount(wire: z.infer<typeof WireMount>): Mount {
  const type = mountTypes.find((known) => known === wire.Type) ?? "other";
  return {
    type,
    volume: type === "volume" ? wire.Name : undefined,
    source: wire.Source,
    target: wire.Destination,
    readOnly: !wire.RW,
  };
}

export function readContainer(answer: unknown): Container {
  const wire = WireContainer.parse(answer);
  const own = wire.Config.Labels;
  return {
    id: wire.Id,
    name: wire.Name.replace(/^\//, ""),
    image: wire.Config.Image,
    imageId: wire.Image,
    state: wire.State.Status,
    labels: own,
    project: own["com.docker.compose.project"],
    service: own["com.docker.compose.service"],
    oneOff: own["com.docker.compose.oneoff"]?.toLowerCase() === "true",
    mounts: wire.Mounts.map(readMount),
    networks: Object.keys(wire.NetworkSettings.Networks),
    hostname: wire.Config.Hostname,
  };
}

const WireHealth = z.object({ State: z.object({ Health: z.object({ Status: Health }).nullish() }) });

export function readHealth(answer: unknown): Health {
  return WireHealth.parse(answer).State.Health?.Status ?? "none";
}

export function readVolumes(answer: unknown): Volume[] {
  return WireVolumes.parse(answer).Volumes.map((wire) => ({
    name: wire.Name,
    driver: wire.Driver,
    labels: wire.Labels,
    project: wire.Labels["com.docker.compose.project"],
    shortName: wire.Labels["com.docker.compose.volume"],
    anonymous: "com.docker.volume.anonymous" in wire.Labels || /^[0-9a-f]{64}$/.test(wire.Name),
  }));
}

export function readImage(answer: unknown): ImageFacts {
  const wire = WireImage.parse(answer);
  return {
    id: wire.Id,
    digest: wire.RepoDigests?.[0],
    revision: wire.Config?.Labels["org.opencontainers.image.revision"],
  };
}
