import { flock } from "@erlmcp/posix";
import { openRepository } from "./repository.ts";

// Run by lock.test.ts: node lock-child.ts ROOT KIND. Says "held" or the error, then holds the lock until it is killed.
const [root, kind] = process.argv.slice(2);
if (root === undefined) throw new Error("usage: lock-child.ts ROOT KIND");

const repository = await openRepository({ root, flock });
try {
  repository.lock(kind === "shared" ? "shared" : "exclusive", {
    job: "retention",
    command: "apply",
    container: "c0ffee",
    pid: process.pid,
    started: "2026-02-02T12:00:00.000Z",
  });
  process.stdout.write("held\n");
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
