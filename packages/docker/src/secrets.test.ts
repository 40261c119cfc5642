import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { copiedSecrets } from "./secrets.ts";
import type { Mount } from "./types.ts";

const mount = (target: string): Mount => ({ type: "bind", volume: undefined, source: "/x", target, readOnly: true });

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "secrets-"));
  onTestFinished(() => rm(path, { recursive: true }));
  await writeFile(join(path, "written"), "one", { mode: 0o400 });
  await writeFile(join(path, "mounted"), "two");
  return path;
}

it("takes along the secrets that are files of the container, and leaves mounted ones to their mounts", async () => {
  const archive = await copiedSecrets([mount("/run/secrets/mounted")], await folder());
  const names = execFileSync("tar", ["-tf", "-"], { input: archive, encoding: "utf8" });
  expect(names).toBe("run/secrets/written\n");
  expect(execFileSync("tar", ["-xOf", "-"], { input: archive, encoding: "utf8" })).toBe("one");
});

it("has nothing to take along where there are none, or all are mounted as one", async () => {
  expect(await copiedSecrets([], "/no/such/folder")).toBeUndefined();
  expect(await copiedSecrets([mount("/run/secrets")], await folder())).toBeUndefined();
});
