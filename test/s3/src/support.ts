import { setTimeout as delay } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from "@aws-sdk/client-s3";
import { createS3Store, type S3Place, type S3Store, type S3StoreOptions } from "@erlmcp/s3";
import type { S3Server } from "@erlmcp/test-rig/s3";

/** Short pauses and few attempts: for servers that are well, and for proxies that are not. */
export const retry: S3StoreOptions["retry"] = {
  attempts: 8,
  baseMs: 5,
  limitMs: 50,
  random: Math.random,
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
  isTransient: (error) => error instanceof Error && "code" in error && error.code === "STORE_FAILED",
};

export const startMs = 300_000; // the first start on a machine builds an image

export type BucketKind = "plain" | "versioned" | "locked";

/** An administrator's client: makes buckets, looks behind the adapter. */
export function adminOf(server: S3Server, endpoint = server.endpoint()): S3Client {
  const { credentials } = server;
  return new S3Client({ endpoint, region: "us-east-1", credentials, forcePathStyle: true });
}

/** A new bucket. */
export async function bucketAt(server: S3Server, kind: BucketKind = "plain"): Promise<string> {
  const bucket = `test-${kind}-${randomUUID()}`;
  const admin = adminOf(server);
  await admin.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: kind === "locked" }));
  if (kind === "versioned") {
    const versioning = { Bucket: bucket, VersioningConfiguration: { Status: "Enabled" as const } };
    await admin.send(new PutBucketVersioningCommand(versioning));
  }
  admin.destroy();
  return bucket;
}

export function placeAt(server: S3Server, bucket: string, endpoint = server.endpoint()): S3Place {
  return { bucket, region: "us-east-1", endpoint, forcePathStyle: true };
}

/** A store in a bucket of the server, or wherever `options` says. */
export function storeAt(server: S3Server, bucket: string, options: Partial<S3StoreOptions> = {}): S3Store {
  return createS3Store({
    place: placeAt(server, bucket),
    credentials: () => Promise.resolve(server.credentials),
    retry,
    ...options,
  });
}

/** A store that is empty: a bucket of its own. */
export async function emptyStore(
  server: S3Server,
  options: Partial<S3StoreOptions> & { kind?: BucketKind } = {},
): Promise<S3Store> {
  const { kind, ...rest } = options;
  return storeAt(server, await bucketAt(server, kind), rest);
}

export async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
