import { randomUUID } from "node:crypto";
import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { BackupError } from "@erlmcp/errors";
import { createRetry, type RetryOptions } from "@erlmcp/store";
import { answer, type Capabilities, type Capability, type Wishes } from "./capabilities.ts";
import { clientOptions } from "./client.ts";
import type { CredentialSource } from "./credentials.ts";
import { serverOf, type S3Place } from "./place.ts";
import { cleanUp, createTrials, type Trials } from "./trials.ts";
import { probeConditions, probeDigests, probeEncryption, probeLocks, probeStorageClass } from "./probe-puts.ts";
import { ask, openSession, type Session } from "./session.ts";

export interface ProbeOptions {
  place: S3Place;
  credentials?: CredentialSource;
  wishes: Wishes; // only what is wished for is tried
  now: () => Date;
  retry: RetryOptions;
  signal?: AbortSignal;
}

/** A few small objects are stored below `.erlmcp-probe-…/` of the prefix and deleted again, with their versions. */
const probePrefix = ".erlmcp-probe-";

/**
 * Finds out what a bucket can do by doing it. What it cannot do is an answer, not an error.
 * @throws BackupError NOT_FOUND no such bucket; CONFIG_INVALID wrong credentials, no right to list or to put; STORE_FAILED
 */
export async function probeBucket(options: ProbeOptions): Promise<Capabilities> {
  const { place, wishes, signal } = options;
  const session = openSession(place, createRetry(options.retry), options.credentials);
  try {
    const clockSkewSeconds = await reach(session, options);
    const trials = createTrials(session, `${probePrefix}${randomUUID()}/`, signal);
    let found: Omit<Capabilities, "cleanup">;
    try {
      found = {
        server: serverOf(place),
        identity: await identityOf(options),
        clockSkewSeconds,
        ...(await bucketFacts(session, signal)),
        ...(await tryPuts(trials, wishes, options.now)),
      };
    } catch (error) {
      await cleanUp(trials); // its own failure is an answer, see there
      throw error;
    }
    return { ...found, cleanup: await cleanUp(trials) };
  } finally {
    session.client.destroy();
  }
}

/** The first request: tells a missing bucket and wrong credentials from all that is asked later. */
async function reach(session: Session, { now, signal }: ProbeOptions): Promise<number | undefined> {
  const wanted = { action: "s3:ListBucket", what: `${session.name} could not be reached`, signal };
  let date: string | undefined;
  const command = new ListObjectsV2Command({
    Bucket: session.place.bucket,
    Prefix: session.remoteKey(probePrefix),
    MaxKeys: 1,
  });
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      date = dateOf(result.response);
      return result;
    },
    { step: "deserialize", name: "erlmcpDate", priority: "low" },
  );
  await ask(session, wanted, (http) => session.client.send(command, http));
  return date === undefined ? undefined : Math.round((Date.parse(date) - now().getTime()) / 1000);
}

function dateOf(response: unknown): string | undefined {
  if (typeof response !== "object" || response === null || !("headers" in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== "object" || headers === null || !("date" in headers)) return undefined;
  return typeof headers.date === "string" ? headers.date : undefined;
}

async function tryPuts(trials: Trials, wishes: Wishes, now: () => Date) {
  const storageClasses: Record<string, Capability> = {};
  for (const name of wishes.storageClasses) storageClasses[name] = await probeStorageClass(trials, name);
  const { encryption: wanted } = wishes;
  const encryption = wanted === undefined ? {} : { [wanted.kind]: await probeEncryption(trials, wanted) };
  return {
    ...(await probeDigests(trials)),
    ...(await probeConditions(trials)),
    ...(await probeLocks(trials, wishes.lockMode, now)),
    storageClasses,
    encryption,
  };
}

async function identityOf({ place, credentials, signal }: ProbeOptions): Promise<Capabilities["identity"]> {
  const client = new STSClient(clientOptions(place, credentials));
  try {
    const { Arn: arn } = await client.send(
      new GetCallerIdentityCommand({}),
      signal === undefined ? {} : { abortSignal: signal },
    );
    return arn === undefined
      ? { can: "unknown", reason: "STS named nobody" }
      : { can: "yes", reason: "STS says so", arn };
  } catch (error) {
    signal?.throwIfAborted();
    return { can: "unknown", reason: `STS does not say who we are (${error instanceof Error ? error.name : "error"})` };
  } finally {
    client.destroy();
  }
}

/** What is set up for the bucket. Rights to read it are not needed for a backup: without them it is unknown. */
async function bucketFacts(session: Session, signal: AbortSignal | undefined) {
  const bucket = { Bucket: session.place.bucket };
  const versioning = await fact({ action: "s3:GetBucketVersioning", none: "" }, async (wanted) => {
    const { Status: status } = await ask(session, { ...wanted, signal }, (http) =>
      session.client.send(new GetBucketVersioningCommand(bucket), http),
    );
    return answer(status === "Enabled", `versioning is ${status?.toLowerCase() ?? "off"}`);
  });
  const lock = { action: "s3:GetBucketObjectLockConfiguration", none: "ObjectLockConfigurationNotFoundError" };
  const objectLock = await fact(lock, async (wanted) => {
    const { ObjectLockConfiguration: set } = await ask(session, { ...wanted, signal }, (http) =>
      session.client.send(new GetObjectLockConfigurationCommand(bucket), http),
    );
    const on = set?.ObjectLockEnabled === "Enabled";
    return answer(on, on ? "the bucket has Object Lock" : "the bucket has no Object Lock");
  });
  return { versioning, objectLock, lifecycle: await lifecycleOf(session, signal) };
}

async function lifecycleOf(session: Session, signal: AbortSignal | undefined): Promise<Capabilities["lifecycle"]> {
  const asked = { action: "s3:GetLifecycleConfiguration", none: "NoSuchLifecycleConfiguration" };
  const expires: string[] = [];
  const found = await fact(asked, async (wanted) => {
    const input = { Bucket: session.place.bucket };
    const { Rules: rules = [] } = await ask(session, { ...wanted, signal }, (http) =>
      session.client.send(new GetBucketLifecycleConfigurationCommand(input), http),
    );
    const deleting = rules.filter(({ Status: status, Expiration: expiration }) => status === "Enabled" && expiration);
    expires.push(...deleting.map(({ ID: id }) => id ?? "a rule without a name"));
    return answer(true, `${rules.length} rules, ${deleting.length} of them delete`);
  });
  const none = found.can === "no" ? { can: "yes" as const, reason: "no rules" } : found;
  return { ...none, ...(expires.length === 0 ? {} : { expires }) };
}

/** @param asked `none`: what the server answers when nothing of the kind is set up */
async function fact(
  { action, none }: { action: string; none: string },
  look: (wanted: { action: string; what: string }) => Promise<Capability>,
): Promise<Capability> {
  try {
    return await look({ action, what: "it could not be asked" });
  } catch (error) {
    if (!(error instanceof BackupError) || error.code === "STORE_FAILED") throw error;
    if (none !== "" && error.cause instanceof Error && error.cause.message.startsWith(`${none}:`)) {
      return { can: "no", reason: "none is set up for the bucket" };
    }
    return { can: "unknown", reason: error.message };
  }
}
