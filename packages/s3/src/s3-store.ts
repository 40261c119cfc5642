import { checkKey, createRetry, type Body, type ObjectStore, type PutOptions } from "@erlmcp/store";
import { deleteObjects, listFolders, listObjects, listUploads, type UnfinishedUpload } from "./list.ts";
import { abortUpload } from "./multipart.ts";
import { noAbilities, type S3StoreOptions } from "./options.ts";
import { putObject } from "./put.ts";
import type { PutSettings } from "./putting.ts";
import { headOf, readPieces } from "./read.ts";
import { openSession } from "./session.ts";

/** What S3 knows of an object. */
export interface ObjectFacts {
  key: string;
  bytes: number;
  storedAt: Date | undefined;
  storageClass: string; // STANDARD when the server names none
  retainUntil: Date | undefined; // locked until then
  metadata: Readonly<Record<string, string>>;
}

export interface S3Store extends ObjectStore {
  put(key: string, body: Body, options?: PutOptions): Promise<"stored" | "exists">;
  facts(key: string): Promise<ObjectFacts | undefined>;
  /** Uploads in parts that were begun below the prefix and not finished; of a run that is on, too. */
  unfinishedUploads(): AsyncIterable<UnfinishedUpload>;
  /** Not being there is no error. */
  abortUpload(upload: UnfinishedUpload): Promise<void>;
  /** Closes its connections. */
  close(): void;
}

const mebibyte = 1024 * 1024;

/**
 * A bucket, or a part of it, as an object store. Every request is repeated by itself as `retry` says.
 * All its calls throw BackupError: NOT_FOUND no such bucket; CONFIG_INVALID wrong credentials, a missing right, a setting that
 * the server refuses; STORE_FAILED what may pass.
 */
export function createS3Store(options: S3StoreOptions): S3Store {
  const session = openSession(options.place, createRetry(options.retry), options.credentials);
  const settings: PutSettings = {
    storageClass: options.storageClass,
    encryption: options.encryption,
    lockMode: options.lockMode,
    abilities: options.abilities ?? noAbilities,
    partBytes: options.partBytes ?? 8 * mebibyte,
    parallelParts: options.parallelParts ?? 4,
  };

  return {
    name: session.name,
    // Async, so that a bad key is a rejection, as it is with every other store.
    put: async (key, body, putOptions = {}) =>
      putObject(session, settings, { key: checkKey(key), body, options: putOptions }),
    async *get(key, range, signal) {
      yield* readPieces(session, { key: checkKey(key), range, signal });
    },
    async stat(key) {
      const head = await headOf(session, checkKey(key));
      return head === undefined ? undefined : { key, bytes: head.ContentLength ?? 0 };
    },
    list: (prefix) => listObjects(session, prefix),
    folders: (prefix) => listFolders(session, prefix),
    delete: async (keys) => deleteObjects(session, keys.map(checkKey)),
    async facts(key) {
      const head = await headOf(session, checkKey(key));
      if (head === undefined) return undefined;
      return {
        key,
        bytes: head.ContentLength ?? 0,
        storedAt: head.LastModified,
        storageClass: head.StorageClass ?? "STANDARD",
        retainUntil: head.ObjectLockRetainUntilDate,
        metadata: head.Metadata ?? {},
      };
    },
    unfinishedUploads: () => listUploads(session),
    abortUpload: ({ key, uploadId }) =>
      abortUpload(
        session,
        { Key: session.remoteKey(key), UploadId: uploadId },
        `the unfinished upload of ${session.name}/${key} could not be removed`,
      ),
    close: () => session.client.destroy(),
  };
}
