import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const MB = 1_000_000;

/** A job may take 512 MB; what it needs beside the packs (its own code, tables of the sources) has to fit beside this. */
const boundBytes = 400 * MB;

it("stores more than it may hold, with as many threads as there could be", { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "erlmcp-memory-"));
  try {
    const script = fileURLToPath(new URL("../test/memory-run.ts", import.meta.url));
    const { stdout } = await run(process.execPath, ["--max-semi-space-size=8", script, join(folder, "data")], {
      env: { ...process.env, MALLOC_ARENA_MAX: "2" },
    });
    expect(Number(stdout)).toBeGreaterThan(50 * MB);
    expect(Number(stdout)).toBeLessThan(boundBytes);
  } finally {
    await rm(folder, { recursive: true });
  }
});
