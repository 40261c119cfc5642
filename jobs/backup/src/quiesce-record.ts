import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { QuiesceIntent, type IntentRecord } from "@erlmcp/docker";

/** What is paused or stopped just now, in the repository, where the next run finds it. */
export interface QuiesceRecord extends IntentRecord {
  /** Undefined when nothing is. */
  read(): Promise<QuiesceIntent | undefined>;
}

export function createQuiesceRecord(root: string): QuiesceRecord {
  const path = join(root, "locks", "quiesced.json");
  return {
    async put(intent) {
      await mkdir(dirname(path), { recursive: true });
      await writeFlushed(`${path}.new`, JSON.stringify(intent));
      await rename(`${path}.new`, path);
      await flushFolder(dirname(path));
    },
    async clear() {
      await rm(path, { force: true });
      await flushFolder(dirname(path));
    },
    async read() {
      let text: string;
      try {
        text = await readFile(path, "utf8");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
      return QuiesceIntent.parse(JSON.parse(text));
    },
  };
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
