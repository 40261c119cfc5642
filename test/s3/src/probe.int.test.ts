import { ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { abilitiesOf, assumedRole, probeBucket, problemsOf, type Capabilities, type Wishes } from "@erlmcp/s3";
import { cephRoles, startCeph, startMoto, type S3Server } from "@erlmcp/test-rig/s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adminOf, bucketAt, collect, placeAt, retry, startMs, storeAt, type BucketKind } from "./support.ts";

let ceph: S3Server;
let moto: S3Server;
beforeAll(async () => {
  [ceph, moto] = await Promise.all([startCeph(), startMoto()]);
}, startMs);
afterAll(() => Promise.all([ceph.stop(), moto.stop()]));

const wishes: Wishes = { storageClasses: ["STANDARD_IA", "GLACIER"], encryption: { kind: "AES256" } };

/** Probes a new bucket and looks whether anything of that is left, versions and uploads too. */
async function probed(server: S3Server, kind: BucketKind, wanted = wishes): Promise<Capabilities> {
  const bucket = await bucketAt(server, kind);
  const credentials = () => Promise.resolve(server.credentials);
  const found = await probeBucket({
    place: { ...placeAt(server, bucket), prefix: "pre" },
    credentials,
    wishes: wanted,
    now: () => new Date(),
    retry,
  });
  expect(found.cleanup).toEqual({ can: "yes", reason: "nothing of the probe is left" });
  const { Versions: versions, DeleteMarkers: marks } = await adminOf(server).send(
    new ListObjectVersionsCommand({ Bucket: bucket }),
  );
  expect({ versions, marks }).toEqual({ versions: undefined, marks: undefined });
  expect(await collect(storeAt(server, bucket).unfinishedUploads())).toEqual([]);
  return found;
}

const answers = (found: Capabilities): Record<string, string> =>
  Object.fromEntries(
    Object.entries(found).flatMap(([name, value]) =>
      typeof value === "object" && "can" in value && typeof value.can === "string" ? [[name, value.can]] : [],
    ),
  );

it("finds what Ceph can do", async () => {
  const found = await probed(ceph, "plain");
  expect(answers(found)).toEqual({
    identity: "unknown",
    verifiesChecksum: "no",
    verifiesSignedDigest: "yes",
    storesChecksum: "no",
    conditionalPut: "yes",
    conditionalMultipart: "no",
    versioning: "no",
    objectLock: "no",
    lockOnPut: "unknown",
    lockOnMultipart: "unknown",
    lifecycle: "yes",
    cleanup: "yes",
  });
  expect(Math.abs(found.clockSkewSeconds ?? 99)).toBeLessThan(3);
  expect(found.storageClasses).toEqual({
    STANDARD_IA: { can: "yes", reason: "stored as such" },
    GLACIER: { can: "yes", reason: "stored as such" },
  });
  expect(abilitiesOf(found)).toEqual({
    verifiesPuts: true,
    conditionalPut: true,
    conditionalMultipart: false,
    locksMultipart: false,
  });
  const lock = problemsOf({ ...wishes, lockMode: "GOVERNANCE" }, found);
  expect(lock.map(({ setting }) => setting)).toEqual(["S3_SSE", "S3_OBJECT_LOCK"]);
  expect(lock[0]?.message).toMatch(/cannot encrypt with AES256: refused with InvalidArgument$/);
});

it("finds that Ceph's conditions fail in a bucket with versions, and its locks on uploads in parts", async () => {
  const found = await probed(ceph, "locked", { ...wishes, lockMode: "GOVERNANCE" });
  expect(found.versioning.can).toBe("yes");
  expect(found.conditionalPut).toEqual({
    can: "no",
    reason: "If-None-Match is ignored: a second one replaces the first",
  });
  expect(found.objectLock.can).toBe("yes");
  expect(found.lockOnPut).toEqual({ can: "yes", reason: "held as it was given" });
  expect(found.lockOnMultipart).toEqual({ can: "no", reason: "the lock is lost without a word" });
});

it("finds what moto can do", async () => {
  const found = await probed(moto, "plain");
  expect(found.identity).toMatchObject({ can: "yes", arn: expect.stringMatching(/^arn:aws:sts::123456789012:/) });
  expect(found.conditionalPut.can).toBe("yes");
  expect(found.conditionalMultipart.can).toBe("yes");
  expect(found.verifiesSignedDigest.can).toBe("no");
  expect(problemsOf(wishes, found)).toEqual([]);
});

it("refuses to start where it may not put, and where there is no bucket", async () => {
  const bucket = await bucketAt(ceph);
  const source = () => Promise.resolve(ceph.credentials);
  const place = placeAt(ceph, bucket);
  const credentials = assumedRole({ roleArn: cephRoles.reader, sessionName: "test", place, source });
  const options = { place, credentials, wishes, now: () => new Date(), retry };
  await expect(probeBucket(options)).rejects.toThrow("denies s3:PutObject");
  const none = { ...options, place: { ...place, bucket: "no-such-bucket" }, credentials: source };
  await expect(probeBucket(none)).rejects.toThrow("has no bucket no-such-bucket");
});
