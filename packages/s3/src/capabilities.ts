import type { Abilities, Encryption, LockMode } from "./options.ts";

/** Whether something can be relied upon, and how we know. */
export interface Capability {
  can: "yes" | "no" | "unknown"; // unknown: it could not be asked, or was not
  reason: string;
}

export function answer(can: boolean, reason: string): Capability {
  return { can: can ? "yes" : "no", reason };
}

/** What an endpoint, a bucket and our rights in it were found to do. */
export interface Capabilities {
  server: string;
  identity: Capability & { arn?: string }; // who we are, as STS says
  clockSkewSeconds: number | undefined; // the server's clock minus ours
  verifiesChecksum: Capability; // refuses a body with another x-amz-checksum-sha256
  verifiesSignedDigest: Capability; // refuses a body with another SHA-256 than the signature covers
  storesChecksum: Capability; // gives the SHA-256 back later
  conditionalPut: Capability; // If-None-Match, in this very bucket
  conditionalMultipart: Capability;
  versioning: Capability;
  objectLock: Capability; // the bucket has it
  lockOnPut: Capability; // holds what the put says; asked only when a lock mode is wanted
  lockOnMultipart: Capability;
  storageClasses: Record<string, Capability>; // those that were asked for
  encryption: Record<string, Capability>; // the same, by kind
  lifecycle: Capability & { expires?: string[] }; // readable; rules that would delete by themselves
  cleanup: Capability; // "no": the probe's own objects are left below its prefix
}

/** What a job wants of a remote. */
export interface Wishes {
  storageClasses: readonly string[];
  encryption?: Encryption;
  lockMode?: LockMode;
}

export interface Problem {
  setting: string; // S3_OBJECT_LOCK
  message: string;
  hint: string;
}

const seen = ({ can }: Capability): boolean => can === "yes";

/** What createS3Store may rely upon: only what was seen. */
export function abilitiesOf(found: Capabilities): Abilities {
  return {
    verifiesPuts: seen(found.verifiesChecksum) || seen(found.verifiesSignedDigest),
    conditionalPut: seen(found.conditionalPut),
    conditionalMultipart: seen(found.conditionalMultipart),
    locksMultipart: seen(found.lockOnMultipart),
  };
}

/** The settings that cannot be honoured, each with its reason. Nothing is ignored in silence: a job refuses to start with them. */
export function problemsOf(wishes: Wishes, found: Capabilities): Problem[] {
  return [...classProblems(wishes, found), ...encryptionProblems(wishes, found), ...lockProblems(wishes, found)];
}

function classProblems({ storageClasses }: Wishes, found: Capabilities): Problem[] {
  return storageClasses.flatMap((name) => {
    const capability = found.storageClasses[name];
    if (capability?.can === "yes") return [];
    const reason = capability?.reason ?? "it was not asked for it";
    const message = `${found.server} cannot store as ${name}: ${reason}`;
    return [{ setting: "S3_STORAGE_CLASS", message, hint: "Set S3_STORAGE_CLASS=STANDARD, or a class that it has." }];
  });
}

function encryptionProblems({ encryption }: Wishes, found: Capabilities): Problem[] {
  if (encryption === undefined) return [];
  const capability = found.encryption[encryption.kind];
  if (capability?.can === "yes") return [];
  const reason = capability?.reason ?? "it was not asked for it";
  const message = `${found.server} cannot encrypt with ${encryption.kind}: ${reason}`;
  const hint =
    "Set S3_SSE to a kind that it has, or to nothing: with ENCRYPT_KEY_FILE everything is encrypted before it leaves.";
  return [{ setting: "S3_SSE", message, hint }];
}

function lockProblems({ lockMode }: Wishes, found: Capabilities): Problem[] {
  if (lockMode === undefined) return [];
  const needed = [found.objectLock, found.lockOnPut];
  const failed = needed.find(({ can }) => can !== "yes");
  if (failed === undefined) return [];
  const message = `objects cannot be locked (${lockMode}) in the bucket: ${failed.reason}`;
  const hint = "Object Lock is a property of the bucket: create one with it, or unset S3_OBJECT_LOCK.";
  return [{ setting: "S3_OBJECT_LOCK", message, hint }];
}
