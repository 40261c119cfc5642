import { defaultErlang, defaultPostgres, type ContainerLabels } from "./labels.ts";
import type { Container, Volume } from "./types.ts";

const volumeNames = ["erlmcp-data", "erlmcp-logs", "erlmcp-cluster-data", "erlmcp-cluster-logs", "redis-data"];

/** What is taken of a container where nothing has a label: by its image or its Compose service. */
export function fallbackLabels(container: Container): ContainerLabels | undefined {
  const names = [imageName(container.image), container.service ?? ""];
  const erlang = names.some((name) => name.startsWith("erlmcp"));
  const postgres = names.some((name) => name.startsWith("postgres"));
  if (!erlang && !postgres) return undefined;
  return {
    erlang: erlang ? defaultErlang : undefined,
    postgres: postgres ? defaultPostgres : undefined,
    volumes: undefined,
    config: undefined,
    during: "run",
  };
}

/** By its own name or the one that the Compose file gives it. */
export function fallbackVolume({ name, shortName }: Volume): boolean {
  return volumeNames.includes(name) || (shortName !== undefined && volumeNames.includes(shortName));
}

/** "postgres" of "registry.example:5000/library/postgres:17@sha256:…". */
function imageName(image: string): string {
  const path = image.replace(/@.*$/, "");
  return path.slice(path.lastIndexOf("/") + 1).replace(/:.*$/, "");
}
