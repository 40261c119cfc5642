import { z } from "zod";

/** What an engine says about a container's life; `exited` and `created` ones hold files but run nothing. */
export const ContainerState = z.enum([
  "created",
  "running",
  "paused",
  "restarting",
  "removing",
  "stopping",
  "exited",
  "dead",
]);
export type ContainerState = z.infer<typeof ContainerState>;

export const Health = z.enum(["none", "starting", "healthy", "unhealthy"]);
export type Health = z.infer<typeof Health>;

/** Something mounted into a container. `volume` is its name, for mounts of type volume only. */
export interface Mount {
  type: "volume" | "bind" | "tmpfs" | "other";
  volume: string | undefined;
  source: string; // a path on the engine's host; "" for a tmpfs
  target: string; // a path in the container
  readOnly: boolean;
}

/** One container. It carries no environment on purpose: that is where secrets live. */
export interface Container {
  id: string; // 64 hex digits
  name: string; // without the leading slash
  image: string; // as the container was created with, e.g. "postgres:17"
  imageId: string; // "sha256:…"
  state: ContainerState;
  labels: Readonly<Record<string, string>>;
  project: string | undefined; // of Compose
  service: string | undefined;
  oneOff: boolean; // made by `docker compose run`
  mounts: readonly Mount[];
  networks: readonly string[];
  hostname: string;
}

export interface Volume {
  name: string;
  driver: string;
  labels: Readonly<Record<string, string>>;
  project: string | undefined;
  shortName: string | undefined; // its name in the Compose file
  anonymous: boolean; // nobody gave it a name
}

/** What an image says about itself. */
export interface ImageFacts {
  id: string; // "sha256:…"
  digest: string | undefined; // as a registry knows it: "name@sha256:…"; undefined when it never was in one
  revision: string | undefined; // the label org.opencontainers.image.revision
}

/** The container that this process runs in. */
export interface Self {
  container: Container;
  image: ImageFacts;
}

export interface EngineFacts {
  version: string; // of the engine, e.g. "26.1.5"
  apiVersion: string;
  os: string;
  arch: string;
  address: string; // how it was reached, without credentials
}
