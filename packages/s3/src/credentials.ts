import { readFile } from "node:fs/promises";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { BackupError } from "@erlmcp/errors";
import { clientOptions } from "./client.ts";
import { explain } from "./errors.ts";
import { serverOf, type S3Place } from "./place.ts";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date; // asked for anew some minutes before
}

/** Asked when credentials are needed, and again before they expire. */
export type CredentialSource = () => Promise<Credentials>;

const rereadMs = 15 * 60_000; // a rotated secret is taken up after this

/**
 * Credentials that lie in files, as Docker secrets do.
 * @throws BackupError CONFIG_INVALID, when asked, for a file that cannot be read or is empty
 */
export function credentialsFromFiles(
  files: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
  now: () => Date,
): CredentialSource {
  return async () => ({
    accessKeyId: await readSecret(files.accessKeyId),
    secretAccessKey: await readSecret(files.secretAccessKey),
    ...(files.sessionToken === undefined ? {} : { sessionToken: await readSecret(files.sessionToken) }),
    expiration: new Date(now().getTime() + rereadMs),
  });
}

async function readSecret(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new BackupError("CONFIG_INVALID", `the secret ${path} cannot be read`, {
      hint: "Check that the file is mounted into the container and readable for the user of the job.",
      cause,
    });
  });
  if (text.trim() === "") throw new BackupError("CONFIG_INVALID", `the secret ${path} is empty`);
  return text.trim();
}

export interface RoleOptions {
  roleArn: string;
  sessionName: string; // in AWS's records of who did what: letters, digits, `=,.@-`
  place: Pick<S3Place, "endpoint" | "region">; // STS of AWS, or at the endpoint itself
  source?: CredentialSource; // who assumes the role; the SDK's default chain when undefined
  durationSeconds?: number; // 900 and more
}

/**
 * The credentials of a role, assumed anew before they expire: a run may take longer than a session.
 * @throws BackupError CONFIG_INVALID, when asked, when the role may not be assumed
 */
export function assumedRole(options: RoleOptions): CredentialSource {
  const { roleArn, sessionName, place, source, durationSeconds = 3600 } = options;
  const client = new STSClient(clientOptions(place, source));
  const input = { RoleArn: roleArn, RoleSessionName: sessionName, DurationSeconds: durationSeconds };
  const failure = `${roleArn} could not be assumed`;
  return async () => {
    const { Credentials: given } = await client.send(new AssumeRoleCommand(input)).catch((error: unknown) => {
      throw explain(error, { action: "sts:AssumeRole", what: failure, server: serverOf(place) });
    });
    if (given?.AccessKeyId === undefined || given.SecretAccessKey === undefined) {
      throw new BackupError("STORE_FAILED", `${failure}: ${serverOf(place)} gave no credentials`);
    }
    return {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      ...(given.SessionToken === undefined ? {} : { sessionToken: given.SessionToken }),
      ...(given.Expiration === undefined ? {} : { expiration: given.Expiration }),
    };
  };
}
