import {
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type HeadObjectCommandOutput,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { BackupError } from "@erlmcp/errors";
import type { Capability } from "./capabilities.ts";
import { isNamed } from "./errors.ts";
import { abortUpload } from "./multipart.ts";
import { ask, once, type Session } from "./session.ts";

/** Objects that are stored to see what happens, and removed in the end. */
export interface Trials {
  session: Session;
  signal: AbortSignal | undefined;
  /** A key of its own, in the bucket. */
  keyFor(name: string): string;
  /** Remembers what has to be removed. */
  made(object: { Key: string; VersionId?: string | undefined }): void;
  began(upload: { Key: string; UploadId: string }): void;
  objects: { Key: string; VersionId?: string | undefined }[];
  uploads: { Key: string; UploadId: string }[];
}

export function createTrials(session: Session, folder: string, signal: AbortSignal | undefined): Trials {
  const objects: Trials["objects"] = [];
  const uploads: Trials["uploads"] = [];
  return {
    session,
    signal,
    keyFor: (name) => session.remoteKey(folder + name),
    made: (object) => void objects.push(object),
    began: (upload) => void uploads.push(upload),
    objects,
    uploads,
  };
}

type Input = Omit<PutObjectCommandInput, "Bucket" | "Key">;

/** Stores an object. @throws BackupError CONFIG_INVALID when the server refuses that, STORE_FAILED */
export async function tryPut(
  trials: Trials,
  key: string,
  input: Input,
  alter?: (command: PutObjectCommand) => void,
): Promise<void> {
  const { session, signal } = trials;
  const wanted = { action: "s3:PutObject", what: `${session.name} takes no objects`, signal };
  await ask(session, wanted, async (http) => {
    const command = new PutObjectCommand({ ...input, Bucket: session.place.bucket, Key: key });
    alter?.(command);
    const { VersionId: version } = await session.client.send(command, http).catch((error: unknown) => {
      throw isNamed(error, "BadDigest", "XAmzContentSHA256Mismatch") ? refusedDigest(error) : error;
    });
    trials.made({ Key: key, VersionId: version });
  });
}

/** Elsewhere that passes when the bytes are sent again; here they are wrong on purpose. */
function refusedDigest(cause: unknown): BackupError {
  const name = cause instanceof Error ? cause.name : "an error";
  return new BackupError("FAILED", `the digest is refused with ${name}`, {
    cause: new Error(`${name}: as it should be`),
  });
}

/** The name of what an attempt is refused with. @throws what may pass */
export async function refusalOf(attempt: () => Promise<void>): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    if (!(error instanceof BackupError) || error.code === "STORE_FAILED") throw error;
    if (!(error.cause instanceof Error)) throw error;
    return error.cause.message.split(":")[0] ?? "an error";
  }
}

export function tryHead({ session, signal }: Trials, key: string): Promise<HeadObjectCommandOutput> {
  const input = { Bucket: session.place.bucket, Key: key, ChecksumMode: "ENABLED" as const };
  const wanted = { action: "s3:GetObject", what: `${session.name} does not give back what it took`, signal };
  return ask(session, wanted, (http) => session.client.send(new HeadObjectCommand(input), http));
}

/** Removes all of it, without the probe's signal. A backup's rights may not allow that: then it is said. */
export async function cleanUp(trials: Trials): Promise<Capability> {
  const { session } = trials;
  try {
    for (const upload of trials.uploads) await abortUpload(session, upload, "a trial upload could not be removed");
    for (const object of trials.objects) await remove(session, object);
    return { can: "yes", reason: "nothing of the probe is left" };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { can: "no", reason: `${error.message}; left below ${trials.keyFor("")}` };
  }
}

async function remove(session: Session, object: { Key: string; VersionId?: string | undefined }): Promise<void> {
  const action = object.VersionId === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  const wanted = { action, what: "a trial object could not be deleted" };
  const input = { Bucket: session.place.bucket, ...object };
  await session.retry.repeat(() =>
    once(session, wanted, (http) => session.client.send(new DeleteObjectCommand(input), http)),
  );
}
