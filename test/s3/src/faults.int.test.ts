import { createHash, randomBytes } from "node:crypto";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { S3Store } from "@erlmcp/s3";
import {
  allFaults,
  seeded,
  startCeph,
  startFaultProxy,
  startMoto,
  type FaultProxy,
  type S3Server,
} from "@erlmcp/test-rig/s3";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bucketAt, bytesOf, collect, placeAt, startMs, storeAt } from "./support.ts";

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
let ceph: S3Server;
let moto: S3Server;
let proxy: FaultProxy | undefined;
beforeAll(async () => {
  [ceph, moto] = await Promise.all([startCeph(), startMoto()]);
}, startMs);
afterAll(() => Promise.all([ceph.stop(), moto.stop()]));
afterEach(() => proxy?.close());

const abilities = { verifiesPuts: true, conditionalPut: true, conditionalMultipart: true, locksMultipart: false };

/** A store behind a proxy, and one before it that sees what is really there. */
async function behind(server: S3Server, faults: Parameters<typeof startFaultProxy>[1]) {
  proxy = await startFaultProxy(server.endpoint(), faults);
  const bucket = await bucketAt(server);
  const options = { place: placeAt(server, bucket, proxy.endpoint), abilities, partBytes: 5 * mebibyte };
  return { store: storeAt(server, bucket, options), direct: storeAt(server, bucket), proxy };
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function leftUploads(store: S3Store): Promise<number> {
  return (await collect(store.unfinishedUploads())).length;
}

describe.for([
  { name: "Ceph", serverOf: () => ceph },
  { name: "moto", serverOf: () => moto },
])("through faults before $name", ({ serverOf }) => {
  it("loses and alters nothing", async () => {
    const { store, direct, proxy: faulty } = await behind(serverOf(), { seed: 1, share: 0.25 });
    const random = seeded(7);
    const sizes = Array.from({ length: 40 }, () => Math.floor(random() * 300_000)).concat(11 * mebibyte, 16 * mebibyte);
    for (const [i, size] of sizes.entries()) {
      const bytes = randomBytes(size);
      const key = `id/${String(i).padStart(3, "0")}`;
      expect(await store.put(key, bytes, { sha256: sha256(bytes), ifAbsent: i % 2 === 0 })).toBe("stored");
      expect(sha256(await bytesOf(direct.get(key)))).toBe(sha256(bytes));
      expect(sha256(await bytesOf(store.get(key)))).toBe(sha256(bytes));
    }
    const listed = await collect(store.list("id/"));
    expect(listed.map(({ bytes }) => bytes)).toEqual(sizes);
    await store.delete(listed.map(({ key }) => key));
    expect(await collect(direct.list(""))).toEqual([]);
    // Only an upload whose name never arrived can be left, and it is found.
    for (const upload of await collect(direct.unfinishedUploads())) await direct.abortUpload(upload);
    expect(await leftUploads(direct)).toBe(0);
    expect([...faulty.met.keys()].toSorted()).toEqual(allFaults.toSorted());
  });
});

it("knows its own object again when the answer to a conditional put was lost", async () => {
  const { store, proxy: faulty } = await behind(ceph, { seed: 1, share: 0 });
  let puts = 0;
  faulty.decide = ({ method }) => (method === "PUT" && (puts += 1) === 1 ? "lost" : "none");
  expect(await store.put("manifest.json", Buffer.from("ours"), { ifAbsent: true })).toBe("stored");
  expect(puts).toBe(2);
  expect(await store.put("manifest.json", Buffer.from("other"), { ifAbsent: true })).toBe("exists");
});

it("goes on with a read where it broke, and reads no byte twice", async () => {
  const { store, direct, proxy: faulty } = await behind(ceph, { seed: 1, share: 0 });
  const bytes = randomBytes(4 * mebibyte);
  await direct.put("k", bytes);
  const ranges: (string | undefined)[] = [];
  faulty.decide = ({ headers }) => {
    ranges.push(headers.range);
    return ranges.length === 1 ? "cut" : "none";
  };
  expect(sha256(await bytesOf(store.get("k")))).toBe(sha256(bytes));
  expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-4194303$/)]);
});

it("gives up with what happened when faults do not end", async () => {
  const { store } = await behind(ceph, { seed: 1, share: 1, faults: ["503"] });
  await expect(store.put("k", Buffer.from("x"))).rejects.toThrow(
    expect.objectContaining({ code: "STORE_FAILED", message: expect.stringMatching(/asks for fewer requests$/) }),
  );
});

it.for([{ broken: "stopped by its signal" }, { broken: "of a source that breaks" }])(
  "leaves no upload $broken",
  async ({ broken }) => {
    const { store, direct } = await behind(ceph, { seed: 1, share: 0 });
    const stop = new AbortController();
    const why = new Error("stopped here");
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; ; i += 1) {
        if (i === 30 && broken.startsWith("of")) throw why;
        if (i === 30) stop.abort(why);
        yield await Promise.resolve(Buffer.alloc(mebibyte, i));
      }
    };
    await expect(store.put("k", body, { signal: stop.signal })).rejects.toBe(why);
    expect(await direct.stat("k")).toBeUndefined();
    expect(await leftUploads(direct)).toBe(0);
  },
);

it("finds and removes an upload that a dead run left", async () => {
  const { store, direct, proxy: faulty } = await behind(ceph, { seed: 1, share: 0 });
  faulty.decide = ({ method, url = "" }) => (method === "DELETE" || url.includes("partNumber=2") ? "503" : "none");
  await expect(store.put("a/k", Buffer.alloc(12 * mebibyte))).rejects.toThrow("asks for fewer requests");
  const left = await collect(direct.unfinishedUploads());
  expect(left.map(({ key }) => key)).toEqual(["a/k"]);
  for (const upload of left) await direct.abortUpload(upload);
  expect(await leftUploads(direct)).toBe(0);
  for (const upload of left) await direct.abortUpload(upload); // being gone is no error
});

it("stores and reads 300 MB in bounded memory", { timeout: 180_000 }, async () => {
  const bucket = await bucketAt(ceph);
  const child = join(import.meta.dirname, "big-object.ts");
  const { accessKeyId, secretAccessKey } = ceph.credentials;
  const env = { ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const { stdout } = await run(process.execPath, [child, ceph.endpoint(), bucket, String(300 * mebibyte)], { env });
  const [same, maxRssBytes] = stdout.split(" ");
  process.stdout.write(`300 MiB up and down: ${Math.round(Number(maxRssBytes) / mebibyte)} MiB resident at most\n`);
  expect(same).toBe("same");
  expect(Number(maxRssBytes)).toBeLessThan(400 * mebibyte);
});
