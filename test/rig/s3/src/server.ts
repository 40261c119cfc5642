import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { docker } from "./docker.ts";
import { imageOf, type Kind } from "./image.ts";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface S3Server {
  readonly kind: Kind;
  readonly container: string; // its ID
  readonly credentials: Credentials; // of a user who may do everything
  /** Where this process reaches a region: `http://127.0.0.1:PORT`. S3 and STS answer at the same address. */
  endpoint(region?: string): string;
  /** Where containers of the same network reach it: `http://NAME:PORT`. */
  address(region?: string): string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  network?: string; // a Docker network that it joins instead of the default one
  env?: Record<string, string>; // of the container: MEMORY_BYTES, LIFECYCLE_DAY_SECONDS
}

/** The regions of a Ceph server: they share nothing, not even buckets' names. */
export const cephRegions = { "us-east-1": 7480, "us-west-2": 7481, "eu-west-1": 7482 } as const;

/** The roles that a Ceph server has: one may do everything in S3, one may only read. */
export const cephRoles = { backup: "arn:aws:iam:::role/backup", reader: "arn:aws:iam:::role/reader" } as const;

const credentials: Credentials = {
  accessKeyId: "erlmcp-test-access-key",
  secretAccessKey: "erlmcp-test-secret-key",
};

const readyMs = 60_000;

/** Ceph's gateway with three isolated regions, empty. */
export function startCeph(options: ServerOptions = {}): Promise<S3Server> {
  return start("ceph", { portOf: cephPort, ports: Object.values(cephRegions), options });
}

/** moto: all regions of AWS at one address, empty. It checks no signatures. */
export function startMoto(options: ServerOptions = {}): Promise<S3Server> {
  return start("moto", { portOf: () => 5000, ports: [5000], options });
}

function cephPort(region: string): number {
  const port = Object.entries(cephRegions).find(([name]) => name === region)?.[1];
  if (port === undefined) throw new Error(`the Ceph server has no region ${region}`);
  return port;
}

interface Plan {
  ports: readonly number[]; // in the container
  portOf: (region: string) => number;
  options: ServerOptions;
}

async function start(kind: Kind, { ports, portOf, options }: Plan): Promise<S3Server> {
  const name = `s3-${kind}-${randomUUID().slice(0, 8)}`;
  const container = await docker(
    "run",
    "--detach",
    "--init",
    `--name=${name}`,
    `--label=erlmcp.test.run=${process.env["ERLMCP_TEST_RUN"] ?? name}`,
    ...(options.network === undefined ? [] : ["--network", options.network]),
    ...Object.entries(options.env ?? {}).flatMap(([key, value]) => ["--env", `${key}=${value}`]),
    ...ports.flatMap((port) => ["--publish", `127.0.0.1::${port}`]),
    await imageOf(kind),
  );
  const stop = async (): Promise<void> => void (await docker("rm", "--force", "--volumes", container));
  try {
    const published = new Map<number, string>();
    for (const port of ports) published.set(port, await docker("port", container, `${port}/tcp`));
    const endpoint = (region = "us-east-1"): string => `http://${published.get(portOf(region))}`;
    await Promise.all(Array.from(published.values(), (at) => ready(container, `http://${at}`)));
    const address = (region = "us-east-1"): string => `http://${name}:${portOf(region)}`;
    return { kind, container, credentials, endpoint, address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Resolves when the server answers anything at all. @throws Error with its log when it ends or says nothing in time */
async function ready(container: string, url: string): Promise<void> {
  const deadline = AbortSignal.timeout(readyMs);
  while (!(await answers(url))) {
    const running = await docker("inspect", "--format", "{{.State.Running}}", container);
    if (running !== "true" || deadline.aborted) {
      throw new Error(`${url} does not answer:\n${await docker("logs", "--tail", "20", container)}`);
    }
    await delay(50);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return true;
  } catch {
    return false; // refused or reset: not there yet
  }
}
