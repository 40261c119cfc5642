import {
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
  type ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import { BackupError } from "@erlmcp/errors";
import { checkKey, type ObjectInfo } from "@erlmcp/store";
import { explain } from "./errors.ts";
import { serverOf } from "./place.ts";
import { ask, type Session } from "./session.ts";

/** A name that a listing gave: sent encoded, because XML has no place for control characters. */
function decoded(text: string): string {
  return decodeURIComponent(text.replaceAll("+", "%20"));
}

async function* pagesOf(
  session: Session,
  { prefix, delimiter }: { prefix: string; delimiter?: string },
): AsyncGenerator<ListObjectsV2CommandOutput> {
  const wanted = { action: "s3:ListBucket", what: `${session.name} could not be listed` };
  let after: string | undefined;
  do {
    const input = {
      Bucket: session.place.bucket,
      Prefix: session.remoteKey(prefix),
      EncodingType: "url" as const,
      ...(delimiter === undefined ? {} : { Delimiter: delimiter }),
      ...(after === undefined ? {} : { ContinuationToken: after }),
    };
    const page = await ask(session, wanted, (http) => session.client.send(new ListObjectsV2Command(input), http));
    yield page;
    if (page.IsTruncated === true && page.NextContinuationToken === undefined) {
      throw new BackupError("STORE_FAILED", `${wanted.what}: the server says there is more and not where`);
    }
    after = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (after !== undefined);
}

/** Keys that no store of ours could have made (the empty "folders" of consoles) are not ours. */
function isKey(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

export async function* listObjects(session: Session, prefix: string): AsyncGenerator<ObjectInfo> {
  const skip = session.remoteKey("").length;
  for await (const { Contents: objects = [] } of pagesOf(session, { prefix })) {
    for (const { Key: remote, Size: bytes } of objects) {
      const key = decoded(remote ?? "").slice(skip);
      if (bytes !== undefined && isKey(key)) yield { key, bytes };
    }
  }
}

export async function* listFolders(session: Session, prefix: string): AsyncGenerator<string> {
  const skip = session.remoteKey(prefix).length;
  for await (const { CommonPrefixes: folders = [] } of pagesOf(session, { prefix, delimiter: "/" })) {
    for (const { Prefix: folder } of folders) {
      const name = decoded(folder ?? "").slice(skip, -1);
      if (isKey(name)) yield name;
    }
  }
}

const deletedAtOnce = 1000; // S3's limit

/** In a bucket with versions the old ones stay, below a mark that says deleted. */
export async function deleteObjects(session: Session, keys: readonly string[]): Promise<void> {
  for (let i = 0; i < keys.length; i += deletedAtOnce) await deleteSome(session, keys.slice(i, i + deletedAtOnce));
}

async function deleteSome(session: Session, keys: readonly string[]): Promise<void> {
  const objects = keys.map((key) => ({ Key: session.remoteKey(key) }));
  const input = { Bucket: session.place.bucket, Delete: { Objects: objects, Quiet: true } };
  const wanted = { action: "s3:DeleteObject", what: `objects of ${session.name} could not be deleted` };
  await ask(session, wanted, async (http) => {
    const { Errors: errors = [] } = await session.client.send(new DeleteObjectsCommand(input), http);
    const [first] = errors;
    if (first !== undefined) throw refusal(session, first);
  });
}

/** One of several deletions failed: the answer as a whole is a success, so its reason is put where others have it. */
function refusal(session: Session, { Key: key = "", Code: name = "Unknown", Message: message = "" }: Refused): unknown {
  const httpStatusCode = /Denied/.test(name) ? 403 : /Internal|SlowDown|Unavailable/.test(name) ? 503 : 400;
  const error = Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
  const what = `s3://${session.place.bucket}/${key} could not be deleted`;
  return explain(error, { action: "s3:DeleteObject", what, server: serverOf(session.place) });
}

interface Refused {
  Key?: string | undefined;
  Code?: string | undefined;
  Message?: string | undefined;
}

/** An upload in parts that nobody has finished yet. */
export interface UnfinishedUpload {
  key: string;
  uploadId: string;
  begunAt: Date;
}

/** Uploads below the prefix; those of a run that is on are among them. */
export async function* listUploads(session: Session): AsyncGenerator<UnfinishedUpload> {
  const skip = session.remoteKey("").length;
  const wanted = {
    action: "s3:ListBucketMultipartUploads",
    what: `unfinished uploads of ${session.name} could not be listed`,
  };
  let after: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (after !== undefined) {
    const input: ListMultipartUploadsCommandInput = {
      Bucket: session.place.bucket,
      Prefix: session.remoteKey(""),
      EncodingType: "url",
      ...after,
    };
    const page: ListMultipartUploadsCommandOutput = await ask(session, wanted, (http) =>
      session.client.send(new ListMultipartUploadsCommand(input), http),
    );
    for (const { Key: remote, UploadId: uploadId, Initiated: begunAt } of page.Uploads ?? []) {
      const key = decoded(remote ?? "").slice(skip);
      if (uploadId !== undefined && begunAt !== undefined && isKey(key)) yield { key, uploadId, begunAt };
    }
    const { NextKeyMarker: nextKey, NextUploadIdMarker: nextId } = page;
    after =
      page.IsTruncated === true && nextKey !== undefined
        ? { KeyMarker: decoded(nextKey), ...(nextId === undefined ? {} : { UploadIdMarker: nextId }) }
        : undefined;
  }
}
