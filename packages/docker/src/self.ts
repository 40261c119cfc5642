import { BackupError } from "@erlmcp/errors";
import type { Placement } from "./mountinfo.ts";
import type { Container, ImageFacts, Self } from "./types.ts";

interface Lookups {
  inspect: (container: string) => Promise<Container>;
  image: (image: string) => Promise<ImageFacts>;
  address: string;
}

export function outsideContainer(): BackupError {
  return new BackupError("NOT_IN_CONTAINER", "this job runs in a container only, and this process is in none", {
    hint: "Run it from the repository's folder with: docker compose run --rm JOB.",
  });
}

/** Finds our own container, and makes sure that the engine knows it as running. */
export async function readSelf(placement: Placement, lookups: Lookups): Promise<Self> {
  if (!placement.inside) throw outsideContainer();
  if (placement.id === undefined) throw unknownSelf(lookups.address, undefined);
  let container: Container;
  try {
    container = await lookups.inspect(placement.id);
  } catch (error) {
    if (error instanceof BackupError && error.code === "NOT_FOUND") throw unknownSelf(lookups.address, error);
    throw error;
  }
  if (container.state !== "running") throw unknownSelf(lookups.address, undefined);
  return { container, image: await lookups.image(container.imageId) };
}

function unknownSelf(address: string, cause: unknown): BackupError {
  return new BackupError(
    "ENGINE_UNREACHABLE",
    `the Docker engine at ${address} doesn't know the container of this job`,
    {
      hint: "Mount the socket of the engine that runs this container, and not another's.",
      cause,
    },
  );
}
