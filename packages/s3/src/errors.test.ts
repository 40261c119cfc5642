import { BackupError } from "@erlmcp/errors";
import { expect, it } from "vitest";
import { explain } from "./errors.ts";

const attempt = { action: "s3:PutObject", what: "s3://b/k could not be stored", server: "s3.test", bucket: "b" };

/** An error as the SDK throws it. */
function answer(name: string, httpStatusCode: number, message = "UnknownError"): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
}

const network = (code: string): Error => Object.assign(new Error(`connect ${code} 10.0.0.1:443`), { code });

it.for([
  [answer("NoSuchBucket", 404), "NOT_FOUND", "s3.test has no bucket b"],
  [answer("AccessDenied", 403), "CONFIG_INVALID", "s3.test denies s3:PutObject"],
  [answer("Unknown", 403), "CONFIG_INVALID", "s3.test denies s3:PutObject, or the credentials are wrong"],
  [
    answer("AccessDenied", 403, "not authorized to perform: kms:GenerateDataKey on the key"),
    "CONFIG_INVALID",
    "s3.test denies kms:GenerateDataKey",
  ],
  [answer("AccessDenied", 403, "forbidden by object lock"), "FAILED", "it is locked"],
  [answer("InvalidAccessKeyId", 403), "CONFIG_INVALID", "s3.test does not know the access key"],
  [answer("ExpiredToken", 400), "CONFIG_INVALID", "the session has expired"],
  [
    answer("RequestTimeTooSkewed", 403),
    "STORE_FAILED",
    "the clock of this machine and that of s3.test are more than 15 minutes apart",
  ],
  [answer("SlowDown", 503), "STORE_FAILED", "s3.test asks for fewer requests"],
  [answer("InternalError", 500, "oops"), "STORE_FAILED", "s3.test answers 500 InternalError oops"],
  [answer("BadDigest", 400, "differs"), "STORE_FAILED", "s3.test answers 400 BadDigest differs"],
  [answer("PermanentRedirect", 301), "CONFIG_INVALID", "b lies in another region"],
  [answer("QuotaExceeded", 403), "DISK_FULL", "s3.test has no room left"],
  [answer("NotImplemented", 501), "CONFIG_INVALID", "s3.test refuses it with 501 NotImplemented"],
  [answer("InvalidObjectState", 403), "FAILED", "it lies in cold storage"],
  [network("ECONNREFUSED"), "STORE_FAILED", "s3.test cannot be reached (ECONNREFUSED)"],
  [network("ENOTFOUND"), "STORE_FAILED", "s3.test cannot be reached (ENOTFOUND)"],
  [
    network("DEPTH_ZERO_SELF_SIGNED_CERT"),
    "CONFIG_INVALID",
    "the certificate of s3.test is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)",
  ],
] as const)("explains %s", ([error, code, says]) => {
  const explained = explain(error, attempt);
  expect(explained).toBeInstanceOf(BackupError);
  expect(explained).toMatchObject({ code, message: `${attempt.what}: ${says}`, hint: expect.stringMatching(/\.$/) });
});

it("leaves alone what is not of S3", () => {
  const mistake = new TypeError("x is not a function");
  expect(explain(mistake, attempt)).toBe(mistake);
  const ours = new BackupError("CORRUPT", "c");
  expect(explain(ours, attempt)).toBe(ours);
});

it("keeps signatures, passwords and control characters out of its words, and the request out of its cause", () => {
  const message = "GET https://u:p@s3.test/b/k?X-Amz-Signature=abc123&X-Amz-Credential=AKIA/x\r\nSignature=def456";
  const raw = Object.assign(answer("InternalError", 500, message), { $response: { headers: "authorization" } });
  const explained = explain(raw, attempt);
  if (!(explained instanceof BackupError)) throw new Error("not explained");
  for (const text of [explained.message, String(explained.cause)]) {
    expect(text).not.toMatch(/abc123|AKIA|def456|u:p|\r|\n/);
  }
  expect(explained.cause).not.toBe(raw);
});
