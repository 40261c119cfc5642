import type { RetryOptions } from "@erlmcp/store";
import type { CredentialSource } from "./credentials.ts";
import type { S3Place } from "./place.ts";

/** What the server was found to do (probeBucket). What is not known is not relied upon. */
export interface Abilities {
  verifiesPuts: boolean; // refuses bytes that are not those of the SHA-256 sent with them; else they are read back
  conditionalPut: boolean; // If-None-Match on a put; else the store looks first, which is not safe against another writer
  conditionalMultipart: boolean; // the same for objects of several parts
  locksMultipart: boolean; // keeps the lock given when an upload begins; else it is set afterwards
}

export const noAbilities: Abilities = {
  verifiesPuts: false,
  conditionalPut: false,
  conditionalMultipart: false,
  locksMultipart: false,
};

export type LockMode = "GOVERNANCE" | "COMPLIANCE";

export interface Encryption {
  kind: "AES256" | "aws:kms";
  kmsKeyId?: string;
}

export interface S3StoreOptions {
  place: S3Place;
  credentials?: CredentialSource; // the SDK's default chain when undefined
  storageClass?: string; // STANDARD when undefined
  encryption?: Encryption; // the bucket's own default when undefined
  lockMode?: LockMode; // how `retainUntil` is meant
  abilities?: Abilities; // nothing when undefined
  partBytes?: number; // larger objects go up in parts of this size: 5 MiB or more
  parallelParts?: number; // of one object; a put holds this many parts and one more in memory
  retry: RetryOptions; // of each request
}
