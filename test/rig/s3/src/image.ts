import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { docker } from "./docker.ts";

export type Kind = "ceph" | "moto";

const base = process.env["ERLMCP_DEBIAN_IMAGE"] ?? "debian:trixie-slim";

/** The image of a server, named by what it is built from: built when it is not there, which takes minutes once. */
export async function imageOf(kind: Kind): Promise<string> {
  const context = join(import.meta.dirname, "..", kind);
  const image = `erlmcp-test/s3-${kind}:${await digestOf(context)}`;
  if ((await docker("image", "ls", "--quiet", image)) === "") {
    await docker("buildx", "build", "--load", "--tag", image, "--build-arg", `DEBIAN_IMAGE=${base}`, context);
  }
  return image;
}

async function digestOf(folder: string): Promise<string> {
  const hash = createHash("sha256").update(base);
  for (const name of (await readdir(folder)).toSorted()) {
    const bytes = await readFile(join(folder, name));
    hash.update(`\n${name} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, 12);
}
