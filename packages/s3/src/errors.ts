import { BackupError, type Code } from "@erlmcp/errors";

/** What was tried, for the message. */
export interface Attempt {
  action: string; // the IAM action that allows it: `s3:PutObject`
  what: string; // in the words of the message: `s3://b/k could not be stored`
  server: string;
  bucket?: string;
}

interface Facts {
  name: string; // the error's code, as S3 or Node names it
  status: number | undefined; // of HTTP
  message: string;
}

/** Names and texts come from a server: short, on one line, and with nothing in them that looks signed or secret. */
function clean(text: string): string {
  return text
    .replaceAll(/\p{Cc}+/gu, " ")
    .replaceAll(/(X-Amz-(?:Signature|Credential|Security-Token)|Signature|Credential)=[^\s&,]+/gi, "$1=…")
    .replaceAll(/\/\/[^\s/@]+@/g, "//")
    .slice(0, 300);
}

function factsOf(error: Error): Facts {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const metadata = "$metadata" in error ? error.$metadata : undefined;
  const hasStatus = typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata;
  const status = hasStatus && typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
  return { name: clean(code ?? error.name), status, message: clean(error.message) };
}

interface Explanation {
  code: Code;
  says: string; // after the colon
  hint: string;
}

type Explain = (facts: Facts, attempt: Attempt) => Explanation | undefined;

const credentialHint = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the role; secrets may have been rotated.";

const credentials: Explain = ({ name }, { server }) => {
  const known: Record<string, string> = {
    InvalidAccessKeyId: `${server} does not know the access key`,
    InvalidClientTokenId: `${server} does not know the access key`,
    SignatureDoesNotMatch: "the secret access key is not the one of the access key",
    InvalidToken: "the session token is not valid",
    ExpiredToken: "the session has expired",
    TokenRefreshRequired: "the session has expired",
    CredentialsProviderError: "no AWS credentials were found",
  };
  const says = known[name];
  return says === undefined ? undefined : { code: "CONFIG_INVALID", says, hint: credentialHint };
};

const clock: Explain = ({ name }, { server }) =>
  name === "RequestTimeTooSkewed" || name === "RequestExpired"
    ? {
        code: "STORE_FAILED",
        says: `the clock of this machine and that of ${server} are more than 15 minutes apart`,
        hint: "Set the clock right (chrony, systemd-timesyncd): restore points and their retention go by it too.",
      }
    : undefined;

const missing: Explain = ({ name }, { server, bucket }) =>
  name === "NoSuchBucket" && bucket !== undefined
    ? {
        code: "NOT_FOUND",
        says: `${server} has no bucket ${bucket}`,
        hint: "Check S3_BUCKET, S3_REGION and S3_ENDPOINT, or create the bucket.",
      }
    : undefined;

const region: Explain = ({ name, status }, { bucket }) =>
  status === 301 ||
  status === 307 ||
  name === "AuthorizationHeaderMalformed" ||
  name === "IllegalLocationConstraintException"
    ? {
        code: "CONFIG_INVALID",
        says: `${bucket ?? "it"} lies in another region`,
        hint: "Check S3_REGION and S3_ENDPOINT.",
      }
    : undefined;

const cold: Explain = ({ name }) =>
  name === "InvalidObjectState"
    ? {
        code: "FAILED",
        says: "it lies in cold storage",
        hint: "It has to be restored from there first, which takes hours.",
      }
    : undefined;

const full: Explain = ({ name, status }, { server }) =>
  name === "QuotaExceeded" || name === "XMinioStorageFull" || status === 507
    ? {
        code: "DISK_FULL",
        says: `${server} has no room left`,
        hint: "Make room there or raise the quota, then run the job again.",
      }
    : undefined;

const denied: Explain = ({ name, status, message }, { action, server }) => {
  if (status !== 403 && status !== 401) return undefined;
  // AWS may name another right than the request's own: that of a key, a tag, a lock.
  const lacking = /\b(?:s3|kms|sts):[A-Z][A-Za-z]+/.exec(message)?.[0] ?? action;
  const locked = /object lock|WORM/i.test(message);
  if (locked)
    return { code: "FAILED", says: "it is locked", hint: "Wait until its retention ends; see `retention report`." };
  // An answer to HEAD carries no reason.
  const reason = name === "AccessDenied" ? "" : ", or the credentials are wrong";
  const list = action === "s3:GetObject" ? " (and s3:ListBucket, without which what is not there looks denied)" : "";
  return {
    code: "CONFIG_INVALID",
    says: `${server} denies ${lacking}${reason}`,
    hint: `Allow ${lacking}${list} in the policy of the user or role that the job runs as, and in the bucket's policy.`,
  };
};

const throttles = new Set([
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
  "RequestLimitExceeded",
]);

const throttled: Explain = ({ name, status }, { server }) =>
  throttles.has(name) || status === 429
    ? {
        code: "STORE_FAILED",
        says: `${server} asks for fewer requests`,
        hint: "Run it again later, or with fewer jobs at once.",
      }
    : undefined;

// Refused because it did not arrive as it was sent, or because another request was at the same object.
const passing = new Set([
  "XAmzContentSHA256Mismatch",
  "BadDigest",
  "IncompleteBody",
  "RequestTimeout",
  "ConditionalRequestConflict",
  "OperationAborted",
]);

const failing: Explain = ({ name, status, message }, { server }) => {
  const answered = status !== undefined && (status >= 500 || status === 408 || status < 300);
  if (status === 501 || !(answered || passing.has(name))) return undefined;
  const hint = "It may pass: run the job again, and look at the server's own state if it does not.";
  return { code: "STORE_FAILED", says: `${server} answers ${status} ${name} ${message}`.trimEnd(), hint };
};

const unreachable: Explain = ({ name, status, message }, { server }) => {
  if (status !== undefined) return undefined;
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(name)) {
    const hint = "Check S3_ENDPOINT; a private authority's certificate goes into NODE_EXTRA_CA_CERTS.";
    return { code: "CONFIG_INVALID", says: `the certificate of ${server} is not trusted (${name})`, hint };
  }
  if (!/^E[A-Z_]+$/.test(name) && name !== "TimeoutError" && !/socket|aborted|premature/i.test(message))
    return undefined;
  const hint = "Check S3_ENDPOINT, the network and the name service of the container.";
  return { code: "STORE_FAILED", says: `${server} cannot be reached (${name})`, hint };
};

const refused: Explain = ({ name, status, message }, { server }) =>
  status === undefined
    ? undefined
    : {
        code: "CONFIG_INVALID",
        says: `${server} refuses it with ${status} ${name} ${message === "UnknownError" ? "" : message}`.trimEnd(),
        hint: "The server may not support a setting (S3_STORAGE_CLASS, S3_SSE, S3_OBJECT_LOCK): see what it can do.",
      };

const explanations = [
  credentials,
  clock,
  missing,
  region,
  cold,
  full,
  denied,
  throttled,
  failing,
  unreachable,
  refused,
];

/** The SDK's error in an operator's words. What is not of S3 or the network comes back as it is. */
export function explain(error: unknown, attempt: Attempt): unknown {
  if (!(error instanceof Error) || error instanceof BackupError) return error;
  const facts = factsOf(error);
  for (const explanation of explanations) {
    const found = explanation(facts, attempt);
    if (found === undefined) continue;
    // The SDK's own error holds the request with its signature.
    const cause = new Error(`${facts.name}: ${facts.message}`);
    return new BackupError(found.code, `${attempt.what}: ${found.says}`, { hint: found.hint, cause });
  }
  return error;
}

/** Whether S3 answered with that error code. */
export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}
