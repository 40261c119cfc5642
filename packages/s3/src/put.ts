import { createHash, randomUUID } from "node:crypto";
import { HeadObjectCommand, PutObjectCommand, PutObjectRetentionCommand } from "@aws-sdk/client-s3";
import { BackupError } from "@erlmcp/errors";
import { checkBody, piecesOf, type Body, type PutOptions } from "@erlmcp/store";
import { inParts } from "./parts.ts";
import { readBack } from "./read-back.ts";
import { putParts } from "./multipart.ts";
import {
  settle,
  signedDigest,
  tokenName,
  tokenOf,
  type ObjectInput,
  type Outcome,
  type Putting,
  type PutSettings,
} from "./putting.ts";
import { ask, type Session } from "./session.ts";

export async function putObject(
  session: Session,
  settings: PutSettings,
  { key, body, options }: { key: string; body: Body; options: PutOptions },
): Promise<Outcome> {
  options.signal?.throwIfAborted();
  const token = randomUUID();
  const what = `${session.name}/${key} could not be stored`;
  const input = inputOf(session, settings, { key, options, token });
  const putting: Putting = { session, settings, key, what, token, input, options };
  const whole = createHash("sha256");
  const parts = inParts(hashed(checkBody(piecesOf(body), options, key), whole), settings.partBytes);
  try {
    const [first, second] = [await parts.next(), await parts.next()];
    if (first.done === true) throw new BackupError("FAILED", `${what}: it has no bytes at all`);
    const outcome =
      second.done === true
        ? await putWhole(putting, first.value)
        : await putParts(putting, following([first.value, second.value], parts));
    if (outcome === "stored") await prove(putting, whole.digest("hex"));
    return outcome;
  } finally {
    await parts.return(undefined);
  }
}

async function* hashed(
  pieces: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

async function* following<T>(first: readonly T[], rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* rest;
}

function inputOf(
  session: Session,
  settings: PutSettings,
  { key, options, token }: { key: string; options: PutOptions; token: string },
): ObjectInput {
  const { attributes = {}, sha256 } = options;
  const { encryption, lockMode } = settings;
  const storageClass = attributes.storageClass ?? settings.storageClass;
  const tags = new URLSearchParams(Object.entries(attributes.tags ?? {})).toString();
  if (attributes.retainUntil !== undefined && lockMode === undefined) {
    throw new BackupError("CONFIG_INVALID", `${session.name}/${key} is to be locked, but no lock is set up`, {
      hint: "Set S3_OBJECT_LOCK to GOVERNANCE or COMPLIANCE.",
    });
  }
  return {
    Bucket: session.place.bucket,
    Key: session.remoteKey(key),
    Metadata: { ...attributes.metadata, [tokenName]: token, ...(sha256 === undefined ? {} : { sha256 }) },
    ...(storageClass === undefined ? {} : { StorageClass: classOf(storageClass) }),
    ...(encryption === undefined ? {} : { ServerSideEncryption: encryption.kind }),
    ...(encryption?.kmsKeyId === undefined ? {} : { SSEKMSKeyId: encryption.kmsKeyId }),
    ...(attributes.retainUntil === undefined || lockMode === undefined
      ? {}
      : { ObjectLockMode: lockMode, ObjectLockRetainUntilDate: attributes.retainUntil }),
    ...(tags === "" ? {} : { Tagging: tags.replaceAll("+", "%20") }),
  };
}

const classes = [
  "STANDARD",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "REDUCED_REDUNDANCY",
  "GLACIER",
  "GLACIER_IR",
  "DEEP_ARCHIVE",
  "EXPRESS_ONEZONE",
  "OUTPOSTS",
  "SNOW",
] as const;

/** @throws BackupError CONFIG_INVALID for a name that S3 does not have */
export function classOf(name: string): (typeof classes)[number] {
  const found = classes.find((one) => one === name);
  if (found !== undefined) return found;
  throw new BackupError("CONFIG_INVALID", `S3 has no storage class ${name}`, { hint: `It has ${classes.join(", ")}.` });
}

async function putWhole(putting: Putting, bytes: Uint8Array): Promise<Outcome> {
  const { session, settings, options, input } = putting;
  const { ifAbsent = false } = options;
  if (ifAbsent && !settings.abilities.conditionalPut && (await tokenOf(putting)) !== undefined) return "exists";
  const digest = createHash("sha256").update(bytes).digest();
  return settle(putting, (http) => {
    const command = new PutObjectCommand({
      ...input,
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumAlgorithm: "SHA256",
      ChecksumSHA256: digest.toString("base64"),
      ...(input.ObjectLockMode === undefined ? {} : { ContentMD5: createHash("md5").update(bytes).digest("base64") }),
      ...(ifAbsent ? { IfNoneMatch: "*" } : {}),
    });
    command.middlewareStack.add(signedDigest(digest), { step: "build", name: "erlmcpSignedDigest" });
    return session.client.send(command, http);
  });
}

/** Sees to what the server was not trusted with: that the bytes are right, and that they are locked. */
async function prove(putting: Putting, sha256: string): Promise<void> {
  const { session, settings, key, input, options } = putting;
  if (!settings.abilities.verifiesPuts) await readBack(session, { key, sha256, signal: options.signal });
  if (input.ObjectLockMode !== undefined) await proveLock(putting);
}

async function proveLock(putting: Putting): Promise<void> {
  const { session, key, input, options } = putting;
  const until = input.ObjectLockRetainUntilDate;
  const where = { Bucket: input.Bucket, Key: input.Key };
  const locked = async (): Promise<boolean> => {
    const wanted = { action: "s3:GetObjectRetention", what: `the lock of ${session.name}/${key} could not be read` };
    const head = await ask(session, { ...wanted, signal: options.signal }, (http) =>
      session.client.send(new HeadObjectCommand(where), http),
    );
    const actual = head.ObjectLockRetainUntilDate?.getTime() ?? 0;
    return head.ObjectLockMode === input.ObjectLockMode && until !== undefined && actual >= secondsOf(until);
  };
  if (await locked()) return;
  const retention = { Mode: input.ObjectLockMode, RetainUntilDate: until };
  const wanted = { action: "s3:PutObjectRetention", what: `${session.name}/${key} could not be locked` };
  await ask(session, { ...wanted, signal: options.signal }, (http) =>
    session.client.send(new PutObjectRetentionCommand({ ...where, Retention: retention }), http),
  );
  if (await locked()) return;
  throw new BackupError("STORE_FAILED", `${session.name}/${key} is not locked, although the server said so`, {
    hint: "The server does not hold locks: unset S3_OBJECT_LOCK, or use another bucket.",
  });
}

/** Servers keep whole seconds. */
function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / 1000) * 1000;
}
