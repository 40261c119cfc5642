import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { answer, type Capability } from "./capabilities.ts";
import type { Encryption, LockMode } from "./options.ts";
import { classOf } from "./put.ts";
import { signedDigest } from "./putting.ts";
import { once } from "./session.ts";
import { refusalOf, tryHead, tryPut, type Trials } from "./trials.ts";

const body = Buffer.from("what a probe stores");
const digestOf = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
const right = digestOf(body);
const wrong = digestOf(Buffer.from("something else"));
const checksum = (digest: Buffer) => ({
  ChecksumAlgorithm: "SHA256" as const,
  ChecksumSHA256: digest.toString("base64"),
});

export async function probeDigests(trials: Trials) {
  const stored = trials.keyFor("checksum");
  // Not as a question: who may not put at all learns it here.
  await tryPut(trials, stored, { Body: body, ...checksum(right) });
  const { ChecksumSHA256: given } = await tryHead(trials, stored);
  const storesChecksum = answer(
    given === right.toString("base64"),
    given === undefined ? "none is given back" : "given back",
  );
  const other = trials.keyFor("other-checksum");
  const checked = await refusalOf(() => tryPut(trials, other, { Body: body, ...checksum(wrong) }));
  const signed = await refusalOf(() =>
    tryPut(trials, trials.keyFor("other-digest"), { Body: body }, ({ middlewareStack }) =>
      middlewareStack.add(signedDigest(wrong), { step: "build", name: "erlmcpSignedDigest" }),
    ),
  );
  return {
    storesChecksum,
    verifiesChecksum: refuses(checked, "a body with another checksum"),
    verifiesSignedDigest: refuses(signed, "a body with another SHA-256 than was signed"),
  };
}

function refuses(refusal: string | undefined, what: string): Capability {
  return answer(refusal !== undefined, refusal === undefined ? `takes ${what}` : `refuses ${what} (${refusal})`);
}

export async function probeConditions(trials: Trials) {
  const key = trials.keyFor("conditional");
  const condition = { Body: body, IfNoneMatch: "*" };
  const first = await refusalOf(() => tryPut(trials, key, condition));
  const refusal = first ?? (await refusalOf(() => tryPut(trials, key, condition)));
  const works = first === undefined && refusal === "PreconditionFailed";
  const conditionalPut = answer(works, works ? "a second put is refused" : reasonOf(refusal));
  if (first !== undefined) await tryPut(trials, key, { Body: body });
  const second = await refusalOf(() => upload(trials, key, { IfNoneMatch: "*" }));
  const worksInParts = second === "PreconditionFailed";
  const reason = worksInParts ? "a second upload is refused" : reasonOf(second);
  return { conditionalPut, conditionalMultipart: answer(worksInParts, reason) };
}

function reasonOf(refusal: string | undefined): string {
  return refusal === undefined
    ? "If-None-Match is ignored: a second one replaces the first"
    : `refused with ${refusal}`;
}

/** An object of one part. @throws as tryPut does */
async function upload(
  trials: Trials,
  key: string,
  { IfNoneMatch, ...lock }: { IfNoneMatch?: string; ObjectLockMode?: LockMode; ObjectLockRetainUntilDate?: Date },
): Promise<void> {
  const { session, signal } = trials;
  const { client } = session;
  const where = { Bucket: session.place.bucket, Key: key };
  const wanted = { action: "s3:PutObject", what: `${session.name} takes no objects in parts`, signal };
  await session.retry.repeat(() =>
    once(session, wanted, async (http) => {
      const { UploadId: id = "" } = await client.send(new CreateMultipartUploadCommand({ ...where, ...lock }), http);
      trials.began({ Key: key, UploadId: id });
      const part = { ...where, UploadId: id, PartNumber: 1 };
      const { ETag: tag } = await client.send(new UploadPartCommand({ ...part, Body: body }), http);
      const parts = { Parts: [{ PartNumber: 1, ...(tag === undefined ? {} : { ETag: tag }) }] };
      const whole = {
        ...where,
        UploadId: id,
        MultipartUpload: parts,
        ...(IfNoneMatch === undefined ? {} : { IfNoneMatch }),
      };
      const { VersionId: version } = await client.send(new CompleteMultipartUploadCommand(whole), http);
      trials.made({ Key: key, VersionId: version });
    }),
  );
}

export async function probeStorageClass(trials: Trials, name: string): Promise<Capability> {
  const key = trials.keyFor(`class-${name}`);
  const refusal = await refusalOf(() => tryPut(trials, key, { Body: body, StorageClass: classOf(name) }));
  if (refusal !== undefined) return answer(false, `refused with ${refusal}`);
  const { StorageClass: actual = "STANDARD" } = await tryHead(trials, key);
  return answer(actual === name, actual === name ? "stored as such" : `stored as ${actual} instead`);
}

export async function probeEncryption(trials: Trials, { kind, kmsKeyId }: Encryption): Promise<Capability> {
  const key = trials.keyFor("encrypted");
  const id = kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId };
  const refusal = await refusalOf(() => tryPut(trials, key, { Body: body, ServerSideEncryption: kind, ...id }));
  if (refusal !== undefined) return answer(false, `refused with ${refusal}`);
  const { ServerSideEncryption: actual } = await tryHead(trials, key);
  return answer(actual === kind, actual === kind ? "stored as such" : `stored with ${actual ?? "none"} instead`);
}

const lockMs = 3000; // the probe's own objects have to become free again

const notAsked: Capability = { can: "unknown", reason: "not asked for" };

/** Locks for some seconds, and waits them out: the trial objects must go. */
export async function probeLocks(trials: Trials, mode: LockMode | undefined, now: () => Date) {
  if (mode === undefined) return { lockOnPut: notAsked, lockOnMultipart: notAsked };
  const until = new Date(Math.ceil(now().getTime() / 1000) * 1000 + lockMs);
  const lock = { ObjectLockMode: mode, ObjectLockRetainUntilDate: until };
  const md5 = createHash("md5").update(body).digest("base64"); // S3 wants it with a lock
  const single = trials.keyFor("locked");
  const onPut = await refusalOf(() => tryPut(trials, single, { Body: body, ContentMD5: md5, ...lock }));
  const lockOnPut = await lockHeld(trials, single, { refusal: onPut, until });
  if (lockOnPut.can !== "yes") return { lockOnPut, lockOnMultipart: lockOnPut };
  const inParts = trials.keyFor("locked-parts");
  const onMultipart = await refusalOf(() => upload(trials, inParts, lock));
  const lockOnMultipart = await lockHeld(trials, inParts, { refusal: onMultipart, until });
  await delay(Math.max(0, until.getTime() - now().getTime() + 1000), undefined, {
    ...(trials.signal && { signal: trials.signal }),
  });
  return { lockOnPut, lockOnMultipart };
}

async function lockHeld(
  trials: Trials,
  key: string,
  { refusal, until }: { refusal: string | undefined; until: Date },
): Promise<Capability> {
  if (refusal !== undefined) return answer(false, `refused with ${refusal}`);
  const { ObjectLockRetainUntilDate: actual } = await tryHead(trials, key);
  const held = actual?.getTime() === until.getTime();
  return answer(held, held ? "held as it was given" : "the lock is lost without a word");
}
