import { BackupError } from "@erlmcp/errors";
import { assumedRole, createS3Store } from "@erlmcp/s3";
import { cephRoles, startCeph, startMoto, type S3Server } from "@erlmcp/test-rig/s3";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { bucketAt, bytesOf, collect, emptyStore, placeAt, retry, startMs, storeAt } from "./support.ts";

let ceph: S3Server;
let moto: S3Server;
beforeAll(async () => {
  [ceph, moto] = await Promise.all([startCeph(), startMoto()]);
}, startMs);
afterAll(() => Promise.all([ceph.stop(), moto.stop()]));
afterEach(() => void vi.useRealTimers());

/** The error of an action, and that its words give nothing away. */
async function failureOf(action: () => Promise<unknown>): Promise<BackupError> {
  const error: unknown = await action().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof BackupError)) throw new Error("it did not fail as it should", { cause: error });
  const said = `${error.message} ${error.hint} ${String(error.cause)}`;
  expect(said).not.toMatch(/Signature=|X-Amz-|Authorization|secret-key|guessed/);
  return error;
}

const ownerOfCeph = () => Promise.resolve(ceph.credentials);
const once = { ...retry, attempts: 1 };

it.for([
  { what: "put", act: (store: ReturnType<typeof storeAt>) => store.put("k", Buffer.from("x")) },
  { what: "stat", act: (store: ReturnType<typeof storeAt>) => store.stat("k") },
  { what: "list", act: (store: ReturnType<typeof storeAt>) => collect(store.list("")) },
  { what: "get", act: (store: ReturnType<typeof storeAt>) => bytesOf(store.get("k")) },
  { what: "delete", act: (store: ReturnType<typeof storeAt>) => store.delete(["k"]) },
])("names the bucket that is not there ($what)", async ({ act }) => {
  for (const server of [ceph, moto]) {
    const error = await failureOf(() => act(storeAt(server, "no-such-bucket")));
    expect(error.code).toBe("NOT_FOUND");
    expect(error.message).toMatch(/ has no bucket no-such-bucket$/);
    expect(error.hint).toContain("S3_BUCKET");
  }
});

it("tells a wrong key from a wrong secret", async () => {
  const bucket = await bucketAt(ceph);
  const as = (accessKeyId: string, secretAccessKey: string) =>
    storeAt(ceph, bucket, { credentials: () => Promise.resolve({ accessKeyId, secretAccessKey }) });
  const unknown = await failureOf(() => collect(as("guessed", "guessed").list("")));
  expect(unknown.code).toBe("CONFIG_INVALID");
  expect(unknown.message).toMatch(/does not know the access key$/);
  const secret = await failureOf(() => collect(as(ceph.credentials.accessKeyId, "guessed").list("")));
  expect(secret.code).toBe("CONFIG_INVALID");
  expect(secret.message).toMatch(/the secret access key is not the one of the access key$/);
});

it("says that the clocks are apart, and goes on once it knows by how much", async () => {
  const bucket = await bucketAt(ceph);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
  const error = await failureOf(() => collect(storeAt(ceph, bucket, { retry: once }).list("")));
  expect(error.code).toBe("STORE_FAILED");
  expect(error.message).toMatch(/the clock of this machine and that of .* are more than 15 minutes apart$/);
  expect(error.hint).toContain("chrony");
  expect(await collect(storeAt(ceph, bucket).list(""))).toEqual([]);
});

it("says that nobody answers", async () => {
  const place = { bucket: "b", region: "us-east-1", endpoint: "http://user:guessed@127.0.0.1:1", forcePathStyle: true };
  const credentials = ownerOfCeph;
  const refused = await failureOf(() => collect(createS3Store({ place, credentials, retry }).list("")));
  expect(refused.message).toBe("s3://b could not be listed: 127.0.0.1:1 cannot be reached (ECONNREFUSED)");
  expect(refused.code).toBe("STORE_FAILED");
});

it("works in a role, and names the action that it lacks", async () => {
  const bucket = await bucketAt(ceph);
  const as = (roleArn: string) =>
    storeAt(ceph, bucket, {
      credentials: assumedRole({ roleArn, sessionName: "test", place: placeAt(ceph, bucket), source: ownerOfCeph }),
    });
  const backup = as(cephRoles.backup);
  await backup.put("k", Buffer.from("in a role"));
  const reader = as(cephRoles.reader);
  expect((await bytesOf(reader.get("k"))).toString()).toBe("in a role");
  const put = await failureOf(() => reader.put("k2", Buffer.from("x")));
  expect(put.code).toBe("CONFIG_INVALID");
  expect(put.message).toMatch(/k2 could not be stored: .* denies s3:PutObject$/);
  const del = await failureOf(() => reader.delete(["k"]));
  expect(del.message).toMatch(/denies s3:DeleteObject$/);
  const none = await failureOf(() => collect(as("arn:aws:iam:::role/none").list("")));
  expect(none.message).toContain("arn:aws:iam:::role/none could not be assumed");
});

it("works in a role of moto's", async () => {
  const bucket = await bucketAt(moto);
  const roleArn = "arn:aws:iam::123456789012:role/any";
  const source = () => Promise.resolve(moto.credentials);
  const credentials = assumedRole({ roleArn, sessionName: "test", place: placeAt(moto, bucket), source });
  await storeAt(moto, bucket, { credentials }).put("k", Buffer.from("x"));
  const { sessionToken, expiration } = await credentials();
  expect(sessionToken).toBeTypeOf("string");
  expect((expiration?.getTime() ?? 0) - Date.now()).toBeGreaterThan(1_800_000);
});

it("keeps classes, tags, metadata; refuses a lock that is not set up", async () => {
  const store = await emptyStore(ceph, { storageClass: "STANDARD_IA" });
  const attributes = { tags: { "erlmcp type": "full" }, metadata: { origin: "here" } };
  await store.put("k", Buffer.from("x"), { attributes });
  expect(await store.facts("k")).toMatchObject({ bytes: 1, storageClass: "STANDARD_IA", metadata: { origin: "here" } });
  const cold = { attributes: { storageClass: "GLACIER" } };
  await store.put("cold", Buffer.from("x"), cold);
  expect((await store.facts("cold"))?.storageClass).toBe("GLACIER");
  const retainUntil = new Date(Date.now() + 60_000);
  const error = await failureOf(() => store.put("locked", Buffer.from("x"), { attributes: { retainUntil } }));
  expect(error.hint).toContain("S3_OBJECT_LOCK");
});

it.for([{ parts: false }, { parts: true }])("locks until the time given (parts: $parts)", async ({ parts }) => {
  const store = await emptyStore(ceph, { kind: "locked", lockMode: "GOVERNANCE", partBytes: 5 * 1024 * 1024 });
  const retainUntil = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
  await store.put("k", Buffer.alloc(parts ? 6_000_000 : 10), { attributes: { retainUntil } });
  expect((await store.facts("k"))?.retainUntil).toEqual(retainUntil);
});
