import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { credentialsFromFiles } from "./index.ts";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "erlmcp-s3-"))));
afterAll(() => rm(folder, { recursive: true }));

const now = (): Date => new Date("2026-02-02T12:00:00Z");

it("reads secrets from files, and again before they are a quarter of an hour old", async () => {
  const [accessKeyId, secretAccessKey] = [join(folder, "id"), join(folder, "secret")];
  await writeFile(accessKeyId, "AKIA\n");
  await writeFile(secretAccessKey, " s3cret \n");
  const source = credentialsFromFiles({ accessKeyId, secretAccessKey }, now);
  const first = { accessKeyId: "AKIA", secretAccessKey: "s3cret", expiration: new Date("2026-02-02T12:15:00Z") };
  expect(await source()).toEqual(first);
  await writeFile(secretAccessKey, "rotated");
  expect(await source()).toEqual({ ...first, secretAccessKey: "rotated" });
});

it("names the file that is missing or empty, and not what is in the other", async () => {
  const empty = join(folder, "empty");
  await writeFile(empty, "\n");
  const missing = join(folder, "missing");
  const source = credentialsFromFiles({ accessKeyId: empty, secretAccessKey: missing }, now);
  await expect(source()).rejects.toThrow(`the secret ${empty} is empty`);
  await expect(credentialsFromFiles({ accessKeyId: missing, secretAccessKey: empty }, now)()).rejects.toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: `the secret ${missing} cannot be read` }),
  );
});
