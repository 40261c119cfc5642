import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
} from "@aws-sdk/client-s3";
import { BackupError } from "@erlmcp/errors";
import { isNamed } from "./errors.ts";
import { forEachOf } from "./parts.ts";
import { settle, signedDigest, tokenOf, type Outcome, type Putting } from "./putting.ts";
import { ask, type Session } from "./session.ts";

const mostParts = 10_000; // S3's limit

interface Part {
  number: number;
  etag: string;
  digest: Buffer; // SHA-256
}

/** Stores an object in parts: nothing is visible before all of them are there, and nothing is left when that fails. */
export async function putParts(putting: Putting, parts: AsyncGenerator<Buffer>): Promise<Outcome> {
  const { settings, options } = putting;
  const looksFirst = options.ifAbsent === true && !settings.abilities.conditionalMultipart;
  if (looksFirst && (await tokenOf(putting)) !== undefined) return "exists";
  const uploadId = await begin(putting);
  try {
    const sent = await sendParts(putting, uploadId, parts);
    if (looksFirst && (await tokenOf(putting)) !== undefined) {
      await abandon(putting, uploadId);
      return "exists";
    }
    const outcome = await complete(putting, uploadId, sent);
    if (outcome === "exists") await abandon(putting, uploadId);
    return outcome;
  } catch (error) {
    // Should this fail too, the upload stays in the listing of unfinished ones; what counts is the first error.
    await abandon(putting, uploadId).catch(() => undefined);
    throw error;
  }
}

async function begin(putting: Putting): Promise<string> {
  const { session, settings, input, what, options } = putting;
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ...plain } = input;
  const lock = settings.abilities.locksMultipart ? { ObjectLockMode: mode, ObjectLockRetainUntilDate: until } : {};
  const { UploadId: id } = await ask(session, { action: "s3:PutObject", what, signal: options.signal }, (http) =>
    session.client.send(new CreateMultipartUploadCommand({ ...plain, ...lock, ChecksumAlgorithm: "SHA256" }), http),
  );
  if (id === undefined) throw new BackupError("STORE_FAILED", `${what}: the server began an upload without a name`);
  return id;
}

async function sendParts(putting: Putting, uploadId: string, parts: AsyncGenerator<Buffer>): Promise<Part[]> {
  const { settings, options } = putting;
  const sent: Part[] = [];
  const limits = { limit: settings.parallelParts, signal: options.signal };
  await forEachOf(numbered(parts), limits, async ({ number, bytes }, signal) => {
    if (number > mostParts) throw tooLarge(putting);
    sent.push(await sendPart(putting, { uploadId, number, bytes, signal }));
  });
  return sent.toSorted((a, b) => a.number - b.number);
}

function tooLarge({ what, settings }: Putting): BackupError {
  return new BackupError("FAILED", `${what}: it has more than ${mostParts} parts of ${settings.partBytes} bytes`);
}

async function* numbered(parts: AsyncIterable<Buffer>): AsyncGenerator<{ number: number; bytes: Buffer }> {
  let number = 0;
  for await (const bytes of parts) {
    number += 1;
    yield { number, bytes };
  }
}

async function sendPart(
  { session, input, what }: Putting,
  { uploadId, number, bytes, signal }: { uploadId: string; number: number; bytes: Buffer; signal: AbortSignal },
): Promise<Part> {
  const digest = createHash("sha256").update(bytes).digest();
  const { ETag: etag } = await ask(session, { action: "s3:PutObject", what, signal }, (http) => {
    const command = new UploadPartCommand({
      Bucket: input.Bucket,
      Key: input.Key,
      UploadId: uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumAlgorithm: "SHA256",
      ChecksumSHA256: digest.toString("base64"),
    });
    command.middlewareStack.add(signedDigest(digest), { step: "build", name: "erlmcpSignedDigest" });
    return session.client.send(command, http);
  });
  if (etag === undefined) throw new BackupError("STORE_FAILED", `${what}: part ${number} came back without a tag`);
  return { number, etag, digest };
}

async function complete(putting: Putting, uploadId: string, parts: readonly Part[]): Promise<Outcome> {
  const { session, input, options } = putting;
  const listed: CompletedPart[] = parts.map(({ number, etag, digest }) => ({
    PartNumber: number,
    ETag: etag,
    ChecksumSHA256: digest.toString("base64"),
  }));
  return settle(putting, async (http) => {
    const command = new CompleteMultipartUploadCommand({
      Bucket: input.Bucket,
      Key: input.Key,
      UploadId: uploadId,
      MultipartUpload: { Parts: listed },
      ...(options.ifAbsent === true ? { IfNoneMatch: "*" } : {}),
    });
    const { ChecksumSHA256: checksum } = await session.client.send(command, http);
    requireComposite(putting, checksum, parts);
  });
}

/** The checksum of an object of parts is that of their checksums; servers that do not keep any give none. */
export function compositeOf(digests: readonly Buffer[]): string {
  return `${createHash("sha256").update(Buffer.concat(digests)).digest("base64")}-${digests.length}`;
}

function requireComposite({ session, key }: Putting, actual: string | undefined, parts: readonly Part[]): void {
  const expected = compositeOf(parts.map(({ digest }) => digest));
  // Some leave out the number of parts.
  if (actual === undefined || actual === expected || actual === expected.split("-")[0]) return;
  throw new BackupError("CORRUPT", `${session.name}/${key} was stored with checksum ${actual}, sent with ${expected}`);
}

/** Without the signal of the put: it may be why. */
async function abandon({ session, input, what }: Putting, uploadId: string): Promise<void> {
  await abortUpload(session, { Key: input.Key, UploadId: uploadId }, what);
}

export async function abortUpload(
  session: Session,
  upload: { Key: string | undefined; UploadId: string },
  what: string,
): Promise<void> {
  await ask(session, { action: "s3:AbortMultipartUpload", what }, async (http) => {
    try {
      await session.client.send(new AbortMultipartUploadCommand({ Bucket: session.place.bucket, ...upload }), http);
    } catch (error) {
      if (!isNamed(error, "NoSuchUpload")) throw error;
    }
  });
}
