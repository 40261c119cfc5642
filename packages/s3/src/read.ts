import { addAbortSignal, Readable } from "node:stream";
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
} from "@aws-sdk/client-s3";
import { BackupError } from "@erlmcp/errors";
import { checkRange, type Range } from "@erlmcp/store";
import { explain, isNamed } from "./errors.ts";
import { serverOf } from "./place.ts";
import { ask, once, type Session } from "./session.ts";

interface Wanted {
  key: string;
  range: Range | undefined;
  signal: AbortSignal | undefined;
}

/** What is known of an object as it is being read. */
interface Opened {
  etag: string | undefined;
  end: number; // the first byte that is not wanted, from the beginning of the object
}

/** An object or a range of it; a read that breaks goes on where it broke, of the same object. */
export async function* readPieces(session: Session, wanted: Wanted): AsyncGenerator<Uint8Array> {
  const { key, range } = wanted;
  if (range !== undefined && (range.bytes === 0 || range.offset < 0)) {
    const head = await headOf(session, key, wanted.signal);
    if (head === undefined) throw new BackupError("NOT_FOUND", `${session.name} has no ${key}`);
    checkRange(range, head.ContentLength ?? 0, key);
    return;
  }
  let opened: Opened | undefined;
  const start = range?.offset ?? 0;
  yield* session.retry.resume(async function* (received) {
    const from = start + received;
    if (opened !== undefined && from === opened.end) return; // it broke after the last byte
    const {
      Body: body,
      ETag: etag,
      ContentLength: length,
      ContentRange,
    } = await open(session, wanted, { from, opened });
    if (!(body instanceof Readable) || length === undefined) {
      throw new BackupError(
        "STORE_FAILED",
        `${session.name}/${key} could not be read: the answer has no body or no length`,
      );
    }
    const size = ContentRange === undefined ? length : Number(ContentRange.split("/")[1]);
    if (range !== undefined) checkRangeOrClose(body, range, { size, key });
    opened ??= { etag, end: range === undefined ? size : range.offset + range.bytes };
    yield* exactly(session, body, { ...wanted, bytes: opened.end - from });
  }, wanted.signal);
}

function checkRangeOrClose(body: Readable, range: Range, { size, key }: { size: number; key: string }): void {
  try {
    checkRange(range, size, key);
  } catch (error) {
    body.destroy();
    throw error;
  }
}

async function open(
  session: Session,
  { key, range, signal }: Wanted,
  { from, opened }: { from: number; opened: Opened | undefined },
) {
  const end = opened?.end ?? (range === undefined ? undefined : range.offset + range.bytes);
  const part = from === 0 && end === undefined ? {} : { Range: `bytes=${from}-${end === undefined ? "" : end - 1}` };
  const same = opened?.etag === undefined ? {} : { IfMatch: opened.etag };
  const input = { Bucket: session.place.bucket, Key: session.remoteKey(key), ...part, ...same };
  const wanted = { action: "s3:GetObject", what: `${session.name}/${key} could not be read`, signal };
  return once(session, wanted, async (http) => {
    try {
      return await session.client.send(new GetObjectCommand(input), http);
    } catch (error) {
      if (isNamed(error, "NoSuchKey")) throw new BackupError("NOT_FOUND", `${session.name} has no ${key}`);
      if (isNamed(error, "InvalidRange") && range !== undefined) {
        throw new BackupError("CORRUPT", `${key} is too short, wanted ${range.bytes} from ${range.offset} on`);
      }
      if (isNamed(error, "PreconditionFailed")) throw new BackupError("CORRUPT", `${key} changed while it was read`);
      throw error;
    }
  });
}

/** @throws BackupError STORE_FAILED when the body ends early: the rest is asked for anew */
async function* exactly(
  session: Session,
  body: Readable,
  { key, signal, bytes }: { key: string; signal: AbortSignal | undefined; bytes: number },
): AsyncGenerator<Uint8Array> {
  const what = `${session.name}/${key} could not be read`;
  const stream: AsyncIterable<Buffer> = signal === undefined ? body : addAbortSignal(signal, body);
  let left = bytes;
  try {
    for await (const piece of stream) {
      left -= piece.length;
      if (left < 0) throw new BackupError("CORRUPT", `${what}: the server sent more than was asked for`);
      yield piece;
    }
  } catch (error) {
    signal?.throwIfAborted();
    const server = serverOf(session.place);
    throw explain(error, { action: "s3:GetObject", what, server, bucket: session.place.bucket });
  }
  if (left > 0) throw new BackupError("STORE_FAILED", `${what}: the answer ended ${left} bytes early`);
}

/** Buckets that were seen: an answer to HEAD does not say whether the object or the bucket is missing. */
const seen = new WeakSet<Session>();

/** What S3 knows of an object; undefined when there is none. @throws BackupError NOT_FOUND when there is no bucket */
export async function headOf(
  session: Session,
  key: string,
  signal?: AbortSignal,
): Promise<HeadObjectCommandOutput | undefined> {
  const input = { Bucket: session.place.bucket, Key: session.remoteKey(key) };
  const wanted = { action: "s3:GetObject", what: `${session.name}/${key} could not be looked at`, signal };
  const head = await ask(session, wanted, async (http) => {
    try {
      return await session.client.send(new HeadObjectCommand(input), http);
    } catch (error) {
      if (isNamed(error, "NotFound", "NoSuchKey")) return undefined;
      throw error;
    }
  });
  if (head === undefined) await requireBucket(session, signal);
  return head;
}

async function requireBucket(session: Session, signal: AbortSignal | undefined): Promise<void> {
  if (seen.has(session)) return;
  const { bucket } = session.place;
  const wanted = { action: "s3:ListBucket", what: `${session.name} could not be looked at`, signal };
  await ask(session, wanted, async (http) => {
    try {
      await session.client.send(new HeadBucketCommand({ Bucket: bucket }), http);
    } catch (error) {
      if (!isNamed(error, "NotFound")) throw error;
      throw Object.assign(new Error("no such bucket"), { name: "NoSuchBucket", $metadata: { httpStatusCode: 404 } });
    }
  });
  seen.add(session);
}
