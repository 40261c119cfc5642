import type { S3ClientConfig } from "@aws-sdk/client-s3";
import type { CredentialSource } from "./credentials.ts";
import type { S3Place } from "./place.ts";

const connectMs = 10_000;
const idleMs = 60_000; // without a byte in either direction

/**
 * What all clients are made with. The SDK's own retries are off: they know nothing of our signals and budgets, cannot go on
 * with a broken read, and two that retry would multiply. Checksums are given where they are wanted: by itself the SDK would
 * send streams in a framing that some servers store as if it were the object.
 */
export function clientOptions(place: Pick<S3Place, "endpoint" | "region">, source?: CredentialSource) {
  const agent = { keepAlive: true, maxSockets: 64 };
  return {
    region: place.region,
    ...(place.endpoint === undefined ? {} : { endpoint: place.endpoint }),
    ...(source === undefined ? {} : { credentials: source }),
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: connectMs, socketTimeout: idleMs, httpAgent: agent, httpsAgent: agent },
  } satisfies S3ClientConfig;
}
