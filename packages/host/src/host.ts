import { readFile } from "node:fs/promises";
import { openEngine, requireContainer, type Engine, type Self } from "@erlmcp/docker";

export const version = "0.1.0";

/** Where the job runs: the engine, its own container, and which source code its image was built from. */
export interface Host {
  readonly engine: Engine;
  readonly self: Self;
}

/** The image's facts for a receipt; null where they aren't known. */
export interface Build {
  readonly revision: string | null;
  readonly digest: string | null;
}

/** @throws BackupError NOT_IN_CONTAINER, ENGINE_UNREACHABLE */
export async function openHost(dockerHost: string | undefined): Promise<Host> {
  await requireContainer();
  const engine = await openEngine({ host: dockerHost });
  return { engine, self: await engine.self() };
}

/** The image's label, or what its build read from the sources. The digest of an image that no registry has is its own ID. */
export async function readBuild(self: Self | undefined): Promise<Build> {
  const label = self?.image.revision;
  return {
    revision: label === undefined || label === "" ? await bakedRevision() : label,
    digest: self?.image.digest ?? self?.image.id ?? null,
  };
}

async function bakedRevision(): Promise<string | null> {
  try {
    const text = (await readFile(new URL("./revision", import.meta.url), "utf8")).trim();
    return /^[0-9a-f]{40}$/.test(text) ? text : null;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null; // not run from an image
    throw error;
  }
}
