import { S3Client } from "@aws-sdk/client-s3";
import type { Retry } from "@erlmcp/store";
import { clientOptions } from "./client.ts";
import type { CredentialSource } from "./credentials.ts";
import { explain } from "./errors.ts";
import { nameOf, serverOf, type S3Place } from "./place.ts";

/** One bucket of one server, reached with one client. */
export interface Session {
  client: S3Client;
  place: S3Place;
  name: string;
  retry: Retry;
  /** The key in the bucket: below the prefix. */
  remoteKey(key: string): string;
}

export interface Ask {
  action: string; // the IAM action that allows it
  what: string; // `s3://b/k could not be stored`
  signal?: AbortSignal | undefined;
}

export function openSession(place: S3Place, retry: Retry, source?: CredentialSource): Session {
  const prefix = place.prefix === undefined || place.prefix === "" ? "" : `${place.prefix}/`;
  const client = new S3Client({ ...clientOptions(place, source), forcePathStyle: place.forcePathStyle === true });
  return { client, place, name: nameOf(place), retry, remoteKey: (key) => prefix + key };
}

/** One request, once, its failure in an operator's words. */
export async function once<T>(
  { place }: Session,
  { action, what, signal }: Ask,
  request: (options: { abortSignal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await request(signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    signal?.throwIfAborted(); // what it was told, not that it stopped
    throw explain(error, { action, what, server: serverOf(place), bucket: place.bucket });
  }
}

/** One request, repeated while it fails in passing. */
export function ask<T>(
  session: Session,
  wanted: Ask,
  request: (options: { abortSignal?: AbortSignal }, attempt: number) => Promise<T>,
): Promise<T> {
  return session.retry.repeat(
    (attempt) => once(session, wanted, (options) => request(options, attempt)),
    wanted.signal,
  );
}
