import { z } from "zod";

const flag = (fallback: boolean) =>
  z
    .enum(["true", "false"], 'must be "true" or "false"')
    .default(fallback ? "true" : "false")
    .transform((value) => value === "true");

const whole = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
    .default(fallback);

const days = (fallback: number) => whole(1, 36_500, fallback);
const path = z.string().startsWith("/", "must be an absolute path");
const url = z.url({ protocol: /^https?$/, error: "must be an http or https URL" });
const image = z
  .string()
  .regex(/^[a-z0-9][\w./:@-]*$/i, "must be the name or ID of an image")
  .optional();
const cron = (fallback: string) =>
  z
    .string()
    .regex(/^\S+(\s+\S+){4}$/, "must be a cron line of five fields")
    .default(fallback);
const storageClass = z.string().regex(/^[A-Z][A-Z0-9_]*$/, "must be an S3 storage class such as STANDARD_IA");

const target = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "target name: lower case letters, digits and hyphens"),
  region: z.string().min(1),
  bucket: z.string().min(3),
  class: storageClass,
  endpoint: url.optional(),
});

const defaultTargets =
  "secondary=us-west-2:erlmcp-backups-us-west-2:STANDARD_IA,dr=eu-west-1:erlmcp-backups-eu:GLACIER,apac=ap-southeast-1:erlmcp-backups-apac:STANDARD_IA";

/** `NAME=REGION:BUCKET:CLASS[@ENDPOINT]`, or the text as it is when it does not look like that (the schema then refuses it). */
function parseTarget(text: string): unknown {
  const match = /^([^=]+)=([^:]+):([^:]+):([^:@]+)(?:@(.+))?$/.exec(text.trim());
  if (match === null) return text;
  const [, name, region, bucket, storage, endpoint] = match;
  return { name, region, bucket, class: storage, ...(endpoint === undefined ? {} : { endpoint }) };
}

const targets = z
  .string()
  .default(defaultTargets)
  .transform((text, context) => {
    let list: unknown;
    try {
      list = text.trimStart().startsWith("[") ? JSON.parse(text) : text.split(",").map(parseTarget);
    } catch {
      context.addIssue("is neither JSON nor NAME=REGION:BUCKET:CLASS[@ENDPOINT],…");
      return z.NEVER;
    }
    const parsed = z.array(target).safeParse(list);
    if (parsed.success) return parsed.data;
    context.addIssue("is neither JSON nor NAME=REGION:BUCKET:CLASS[@ENDPOINT],…");
    return z.NEVER;
  });

/** Every setting of every job: how it is read, what it is when not set, and what the documentation says of it. */
export const settingsSchema = z.strictObject({
  BACKUP_ROOT: path
    .default("/var/lib/erlmcp/backups")
    .meta({ shown: "/var/lib/erlmcp/backups", doc: "the local repository, a volume" }),
  BACKUP_PROJECT: z
    .string()
    .optional()
    .meta({ shown: "", doc: "only containers of this Compose project are looked at" }),
  ENCRYPT_KEY_FILE: path
    .optional()
    .meta({ shown: "", doc: "32 random bytes (raw, hex or base64) or a passphrase of any length; set = encrypt" }),
  ENCRYPT_CIPHER: z
    .enum(["aes-256-gcm", "aes-256-cbc"], 'must be "aes-256-gcm" or "aes-256-cbc"')
    .default("aes-256-gcm")
    .meta({ shown: "aes-256-gcm", doc: "or `aes-256-cbc` (with HMAC-SHA-256, encrypt-then-MAC)" }),
  COMPRESSION_LEVEL: whole(0, 19, 1).meta({ shown: "1", doc: "zstd level, 1 to 19; 0 stores" }),
  S3_BUCKET: z
    .string()
    .min(3, "must be a bucket name")
    .optional()
    .meta({ shown: "", doc: "the primary remote; no bucket = local only, said in the receipt" }),
  S3_REGION: z.string().default("us-east-1").meta({ shown: "us-east-1", doc: "its region" }),
  S3_PREFIX: z.string().optional().meta({ shown: "", doc: "a prefix for all keys in it" }),
  S3_ENDPOINT: url.optional().meta({ shown: "", doc: "any S3-compatible server; AWS when not set" }),
  S3_FORCE_PATH_STYLE: flag(false).meta({ shown: "false", doc: "bucket in the path instead of the host name" }),
  S3_STORAGE_CLASS: storageClass
    .default("STANDARD_IA")
    .meta({ shown: "STANDARD_IA", doc: "storage class of what is uploaded" }),
  S3_SSE: z
    .enum(["AES256", "aws:kms", "none"], 'must be "AES256", "aws:kms" or "none"')
    .default("AES256")
    .meta({ shown: "AES256", doc: "server-side encryption, besides our own" }),
  S3_SSE_KMS_KEY_ID: z.string().optional().meta({ shown: "", doc: "KMS key for `aws:kms`" }),
  S3_ROLE_ARN: z
    .string()
    .startsWith("arn:", "must be an ARN")
    .optional()
    .meta({ shown: "", doc: "role assumed with STS; otherwise the SDK's default credential chain" }),
  S3_OBJECT_LOCK: z
    .enum(["GOVERNANCE", "COMPLIANCE"], 'must be "GOVERNANCE" or "COMPLIANCE"')
    .optional()
    .meta({ shown: "", doc: "each object is locked until its restore point may expire" }),
  UPLOAD_ENABLED: flag(true).meta({ shown: "true", doc: "`false` = as `--no-upload`" }),
  BACKUP_RETENTION_DAYS: days(30).meta({ shown: "30", doc: "local days of a plain full" }),
  RETENTION_REMOTE: days(90).meta({ shown: "90", doc: "remote days of a plain full" }),
  RETENTION_INCREMENTAL: days(15).meta({ shown: "15", doc: "days of an incremental" }),
  RETENTION_WEEKLY: days(84).meta({ shown: "84", doc: "days of a weekly" }),
  RETENTION_MONTHLY: days(365).meta({ shown: "365", doc: "days of a monthly" }),
  RETENTION_COMPLIANCE: days(2555).meta({ shown: "2555", doc: "days of a compliance backup" }),
  ARCHIVE_ENABLED: flag(true).meta({ shown: "true", doc: "what expires locally is first known to be safe remotely" }),
  COLD_STORAGE_CLASS: storageClass.default("GLACIER").meta({ shown: "GLACIER", doc: "storage class of the archive" }),
  REPLICATION_TARGETS: targets.meta({
    shown: "secondary, dr, apac",
    doc: "JSON or `NAME=REGION:BUCKET:CLASS[@ENDPOINT]` comma list",
  }),
  HEALTH_URL: url
    .optional()
    .meta({ shown: "", doc: "asked after a restore, besides each container's own health check" }),
  HEALTH_TIMEOUT: whole(1, 86_400, 300).meta({
    shown: "300",
    doc: "seconds that containers and `HEALTH_URL` have to be well after a restore",
  }),
  SCHEDULE_FULL: cron("0 2 * * *").meta({ shown: "0 2 * * *", doc: "cron line of the full backup, in `TZ`" }),
  SCHEDULE_INCREMENTAL: cron("*/15 * * * *").meta({ shown: "*/15 * * * *", doc: "of the incremental" }),
  SCHEDULE_RETENTION: cron("0 3 * * *").meta({ shown: "0 3 * * *", doc: "of retention" }),
  SCHEDULE_REPLICATE: cron("0 4 * * *").meta({ shown: "0 4 * * *", doc: "of replication" }),
  SCHEDULE_VERIFY: cron("0 5 * * 0").meta({ shown: "0 5 * * 0", doc: "of verification" }),
  DRILL_ERLANG_IMAGE: image.meta({
    shown: "",
    doc: "image for a drill's Erlang nodes; the recorded one when not set. It must be here: none is pulled",
  }),
  DRILL_POSTGRES_IMAGE: image.meta({ shown: "", doc: "the same for its PostgreSQL servers" }),
  DRILL_APPLICATION_IMAGE: image.meta({ shown: "", doc: "the same for the application that `--boot` starts" }),
  DRILL_CHECKS: z
    .string()
    .optional()
    .meta({ shown: "", doc: "an operator's own checks of what a drill restored, as JSON" }),
  DRILL_CHECKS_FILE: path.optional().meta({ shown: "", doc: "a file with them" }),
  NOTIFY_URL: url.optional().meta({ shown: "", doc: "webhook on failure and recovery", secret: true }),
  HEARTBEAT_URL: url.optional().meta({ shown: "", doc: "dead-man's ping after each success", secret: true }),
});
