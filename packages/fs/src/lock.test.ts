import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { unlinkSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flock } from "@erlmcp/posix";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openRepository, type LockHolder, type Repository } from "./index.ts";

const holder: LockHolder = {
  job: "backup",
  command: "full --only=ets",
  container: "beefed",
  pid: 7,
  started: "2026-02-02T12:15:00.000Z",
};

let root: string;
let lockFile: string;
let repository: Repository;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "erlmcp-lock-"));
  lockFile = join(root, "locks", "repository.lock");
  repository = await openRepository({ root, flock });
});
afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
  await rm(root, { recursive: true });
});

/** Another process that tries to take the lock, and what it says of it. */
async function contender(kind: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "lock-child.ts"), root, kind], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const said = await new Promise<string>((resolve) =>
    child.stdout.once("data", (text) => resolve(String(text).trim())),
  );
  return { child, said };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

it("keeps other processes out, names the holder, and is free again when that is killed", async () => {
  const { child, said } = await contender("exclusive");
  expect(said).toBe("held");
  const take = (): unknown => repository.lock("exclusive", holder);
  expect(take).toThrow(expect.objectContaining({ code: "LOCKED" }));
  expect(take).toThrow(
    `the repository is locked by retention apply in container c0ffee (process ${child.pid}) since 2026-02-02T12:00:00.000Z`,
  );
  expect(() => repository.lock("shared", holder)).toThrow("locked by retention apply");
  await killed(child);
  const lock = repository.lock("exclusive", holder);
  expect((await contender("exclusive")).said).toContain(
    "locked by backup full --only=ets in container beefed (process 7)",
  );
  lock.release();
  expect((await contender("exclusive")).said).toBe("held");
});

it("lets those who only read in together, and no writer meanwhile", async () => {
  const own = repository.lock("shared", holder);
  const { child, said } = await contender("shared");
  expect(said).toBe("held");
  expect(() => repository.lock("exclusive", holder)).toThrow("locked by retention apply"); // the last that came in
  own.release();
  expect(() => repository.lock("exclusive", holder)).toThrow("locked by retention apply");
  await killed(child);
  repository.lock("exclusive", holder).release();
});

it("can be taken again in the same process only after its release", () => {
  const lock = repository.lock("exclusive", holder);
  expect(() => repository.lock("shared", holder)).toThrow("locked by backup");
  lock.release();
  lock.release(); // twice does no harm
  repository.lock("exclusive", holder).release();
});

it("keeps only its own holder in the file, from everyone's eyes", async () => {
  await writeFile(lockFile, `${JSON.stringify({ ...holder, job: "gone" })}\n`, { mode: 0o600 });
  const lock = repository.lock("exclusive", holder);
  expect(JSON.parse(await readFile(lockFile, "utf8"))).toEqual(holder);
  expect((await stat(lockFile)).mode & 0o777).toBe(0o600);
  lock.release();
});

it("is not deceived by a lock file that was replaced while it waited for nobody", async () => {
  let replaced = false;
  const sly: Repository = await openRepository({
    root,
    flock(fd, mode, options) {
      const taken = flock(fd, mode, options);
      if (!replaced) {
        replaced = true;
        unlinkLock();
      }
      return taken;
    },
  });
  const lock = sly.lock("exclusive", holder);
  expect((await contender("exclusive")).said).toContain("locked by backup");
  lock.release();
});

function unlinkLock(): void {
  unlinkSync(lockFile);
}

it.for([
  { name: "an empty file", text: "", says: "by a job that has not said its name yet" },
  { name: "half a line", text: '{"job":"ba', says: "by a job that has not said its name yet" },
  { name: "no object", text: "null\n", says: "by a job that has not said its name yet" },
  {
    name: "control characters",
    text: '{"job":"\\u001b[31m","pid":{}}\n',
    says: "by ?[31m ? in container ? (process ?) since ?",
  },
])("says what it can of a holder with $name", async ({ text, says }) => {
  const lock = repository.lock("exclusive", holder);
  await writeFile(lockFile, text);
  expect(() => repository.lock("exclusive", holder)).toThrow(`the repository is locked ${says}`);
  lock.release();
});

it("allows changes with the exclusive lock only, while it is held", async () => {
  const shared = repository.lock("shared", holder);
  await expect(repository.remove(shared, "erlmcp_full_20260202_120000")).rejects.toThrow("needs the exclusive lock");
  shared.release();
  const exclusive = repository.lock("exclusive", holder);
  exclusive.release();
  await expect(repository.recover(exclusive, () => Promise.resolve(undefined))).rejects.toThrow(
    "needs the exclusive lock",
  );
});
