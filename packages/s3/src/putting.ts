import { HeadObjectCommand, type PutObjectCommandInput } from "@aws-sdk/client-s3";
import type { PutOptions } from "@erlmcp/store";
import { isNamed } from "./errors.ts";
import type { Abilities, Encryption, LockMode } from "./options.ts";
import { ask, type Session } from "./session.ts";

export interface PutSettings {
  storageClass: string | undefined;
  encryption: Encryption | undefined;
  lockMode: LockMode | undefined;
  abilities: Abilities;
  partBytes: number;
  parallelParts: number;
}

/** An object that is being stored. */
export interface Putting {
  session: Session;
  settings: PutSettings;
  key: string;
  what: string; // of its errors
  token: string; // in its metadata: tells our object from another's when an answer was lost
  input: ObjectInput;
  options: PutOptions;
}

export type Outcome = "stored" | "exists";

export type ObjectInput = Pick<
  PutObjectCommandInput,
  | "Bucket"
  | "Key"
  | "StorageClass"
  | "ServerSideEncryption"
  | "SSEKMSKeyId"
  | "ObjectLockMode"
  | "ObjectLockRetainUntilDate"
  | "Tagging"
  | "Metadata"
>;

export const tokenName = "erlmcp-put";

/**
 * Repeats a request that makes the object. When an earlier attempt's answer was lost, a refusal may mean that the object is
 * there because we made it: its token tells.
 */
export function settle(
  putting: Putting,
  request: (http: { abortSignal?: AbortSignal }) => Promise<unknown>,
): Promise<Outcome> {
  const { session, what, options } = putting;
  const wanted = { action: "s3:PutObject", what, signal: options.signal };
  return ask(session, wanted, async (http, attempt) => {
    try {
      await request(http);
      return "stored";
    } catch (error) {
      const exists = options.ifAbsent === true && isNamed(error, "PreconditionFailed");
      const repeated = attempt > 1 && (exists || isNamed(error, "NoSuchUpload"));
      if (repeated && (await tokenOf(putting)) === putting.token) return "stored";
      if (exists) return "exists";
      throw error;
    }
  });
}

/** The token of whoever stored the object; empty for one that is not of ours; undefined when there is none. */
export async function tokenOf({ session, input, what, options }: Putting): Promise<string | undefined> {
  const where = { Bucket: input.Bucket, Key: input.Key };
  const wanted = { action: "s3:GetObject", what, signal: options.signal };
  return ask(session, wanted, async (http) => {
    try {
      const { Metadata: metadata = {} } = await session.client.send(new HeadObjectCommand(where), http);
      return metadata[tokenName] ?? "";
    } catch (error) {
      if (isNamed(error, "NotFound")) return undefined;
      throw error;
    }
  });
}

/** Lets the signature cover the digest that is known already: most servers verify it, and nobody hashes twice. */
export function signedDigest(digest: Buffer) {
  return <Args extends { request: unknown }, Output>(next: (args: Args) => Promise<Output>) =>
    async (args: Args): Promise<Output> => {
      const { request } = args;
      if (typeof request === "object" && request !== null && "headers" in request) {
        Object.assign(request.headers ?? {}, { "x-amz-content-sha256": digest.toString("hex") });
      }
      return next(args);
    };
}
