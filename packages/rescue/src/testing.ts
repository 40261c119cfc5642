import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readObject, type ObjectStore } from "@erlmcp/store";

const script = fileURLToPath(new URL("./rescue.mjs", import.meta.url));

export interface Rescued {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder for one test, removed with it. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "erlmcp-rescue-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A repository's objects as files, and the key in `key`. */
export async function writeRepository(store: ObjectStore, folder: string, keyFile: Uint8Array): Promise<void> {
  for await (const { key, bytes } of store.list("")) {
    const path = join(folder, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await readObject(store, key, bytes));
  }
  await writeFile(join(folder, "key"), keyFile);
}

/** Runs rescue.mjs by Node alone, with nothing of this repository in reach but the file itself. */
export async function rescue(args: readonly string[], cwd: string): Promise<Rescued> {
  const child = spawn(process.execPath, ["--max-old-space-size=256", script, ...args], { cwd, env: {} });
  const [stdout, stderr]: [string[], string[]] = [[], []];
  child.stdout.setEncoding("utf8").on("data", (piece: string) => stdout.push(piece));
  child.stderr.setEncoding("utf8").on("data", (piece: string) => stderr.push(piece));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("close", resolve);
  return { status: await promise, stdout: stdout.join(""), stderr: stderr.join("") };
}
