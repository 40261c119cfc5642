import { execa } from "execa";
import { imageOf } from "./job.ts";

/** A container that only has a volume to back up, of a Compose project of its own. */
export interface LoneVolume {
  readonly name: string; // of container and volume
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param script run in the volume before the container counts as started */
export async function startLoneVolume(
  project: string,
  { script, labels = {} }: { script: string; labels?: Readonly<Record<string, string>> },
): Promise<LoneVolume> {
  const name = `${project}-data`;
  const all = {
    "com.docker.compose.project": project,
    "erlmcp.test.run": process.env["ERLMCP_TEST_RUN"] ?? "by-hand",
    "erlmcp.backup.volumes": "true",
    ...labels,
  };
  const words = Object.entries(all).flatMap(([label, value]) => ["--label", `${label}=${value}`]);
  const options = ["--detach", "--init", "--name", name, ...words, "--volume", `${name}:/data`, "--workdir", "/data"];
  await execa("docker", ["run", ...options, "--entrypoint", "sleep", imageOf("backup"), "3600"]);
  await execa("docker", ["exec", name, "sh", "-ec", script]);
  return {
    name,
    async [Symbol.asyncDispose]() {
      await execa("docker", ["rm", "--force", name]);
      await execa("docker", ["volume", "rm", name]);
    },
  };
}
