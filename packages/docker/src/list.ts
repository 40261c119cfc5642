import type Docker from "dockerode";
import { z } from "zod";
import { BackupError } from "@erlmcp/errors";
import { brief, request } from "./failure.ts";
import type { Container } from "./types.ts";
import { readContainer } from "./wire.ts";

const Listed = z.array(z.object({ Id: z.string() }));
const atOnce = 8;

/** Every container, by name. One that goes away while they are listed is left out. */
export async function listContainers(docker: Docker): Promise<Container[]> {
  const listed = Listed.parse(await request("containers", () => docker.listContainers({ all: true })));
  const found: Container[] = [];
  for (let first = 0; first < listed.length; first += atOnce) {
    const some = listed.slice(first, first + atOnce).map(({ Id }) => inspectIfThere(docker, Id));
    for (const container of await Promise.all(some)) if (container !== undefined) found.push(container);
  }
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function inspectIfThere(docker: Docker, id: string): Promise<Container | undefined> {
  try {
    return readContainer(await request(`container ${brief(id)}`, () => docker.getContainer(id).inspect()));
  } catch (error) {
    if (error instanceof BackupError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
