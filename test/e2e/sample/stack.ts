import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { z } from "zod";

const composeFile = fileURLToPath(new URL("../../rig/sample/compose.yaml", import.meta.url));

/** What the application says one of its tables holds; README.md of the sample says how digests are made. */
const TableDigest = z.object({
  component: z.enum(["ets", "dets", "mnesia"]),
  name: z.string(),
  type: z.string(),
  keypos: z.number().optional(),
  protection: z.string().optional(),
  owner: z.string().optional(),
  named: z.boolean().optional(),
  compressed: z.boolean().optional(),
  storage: z.string().optional(),
  local_content: z.boolean().optional(),
  rows: z.number(),
  digest: z.string(),
  lookup_digest: z.string().optional(),
});
export type TableDigest = z.infer<typeof TableDigest>;
const Fingerprint = z.object({ node: z.string(), tables: z.array(TableDigest) });

const Witness = z.object({
  mnesia: z.object({ sum: z.number(), expected: z.number() }),
  ets: z.object({ sum: z.number() }),
  dets: z.object({ sum: z.number() }),
});

/** One running sample stack, a Compose project of its own. */
export interface Stack {
  /** `docker compose` on this stack; rejects when its exit status isn't 0. */
  compose(...args: string[]): Promise<string>;
  /** Runs a command in a service's container and gives its standard output. */
  inside(service: string, ...command: string[]): Promise<string>;
  /** Asks an Erlang node's port 9090; rejects on any answer but 200, with its text. */
  control(service: string, method: "GET" | "POST", path: string): Promise<unknown>;
  fingerprint(service: string): Promise<TableDigest[]>;
  witness(service: string): Promise<z.infer<typeof Witness>>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Builds and starts services of the sample, healthy when this returns.
 *
 * @param project name of the Compose project, not in use by anything else
 * @param settings SAMPLE_… variables
 * @param overrides further Compose files
 */
export async function startStack(
  project: string,
  services: readonly string[],
  settings: Record<string, string>,
  overrides: readonly string[] = [],
): Promise<Stack> {
  const files = [composeFile, ...overrides].flatMap((file) => ["--file", file]);
  const compose = async (...args: string[]): Promise<string> => {
    const options = ["compose", "--project-name", project, ...files, "--profile", "cluster"];
    const { stdout } = await execa("docker", [...options, ...args], { env: settings, stdin: "ignore" });
    return stdout;
  };
  const inside = (service: string, ...command: string[]): Promise<string> =>
    compose("exec", "--no-TTY", service, ...command);
  const control = async (service: string, method: string, path: string): Promise<unknown> =>
    JSON.parse(await inside(service, "control", method, path));
  const stack: Stack = {
    compose,
    inside,
    control,
    fingerprint: async (service) => Fingerprint.parse(await control(service, "GET", "/fingerprint")).tables,
    witness: async (service) => Witness.parse(await control(service, "GET", "/witness")),
    [Symbol.asyncDispose]: async () => {
      await compose("down", "--volumes", "--timeout", "20");
    },
  };
  await compose("build", "--quiet", ...services);
  try {
    await compose("up", "--detach", "--wait", "--wait-timeout", "240", ...services);
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
  return stack;
}
