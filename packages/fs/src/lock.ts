import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { BackupError } from "@erlmcp/errors";
import { isCode } from "./io.ts";

/** flock(2) as @erlmcp/posix gives it. */
export type Flock = (fd: number, mode: "exclusive" | "shared", options: { wait: boolean }) => boolean;

/** Who holds a lock, for those who find it held. */
export interface LockHolder {
  job: string;
  command: string;
  container: string;
  pid: number;
  started: string; // RFC 3339, UTC
}

/** A held lock. The kernel takes it back when the process ends in whatever way, so it can never be stale. */
export interface RepositoryLock {
  readonly kind: "exclusive" | "shared";
  readonly held: boolean;
  release(): void;
}

export interface LockRequest {
  path: string;
  kind: "exclusive" | "shared";
  holder: LockHolder;
  mode: number;
  flock: Flock;
}

/**
 * Takes the lock or says who has it, without waiting.
 * @throws BackupError LOCKED
 */
export function takeLock(request: LockRequest): RepositoryLock {
  for (;;) {
    const fd = openSync(request.path, "a+", request.mode);
    try {
      if (!lockAs(fd, request)) throw heldBy(readHolders(request.path), request.path);
      if (isStillAt(fd, request.path)) return heldLock(fd, request.kind);
      closeSync(fd); // someone removed the file meanwhile: that lock keeps nobody out
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
}

/** The file holds one line of JSON for each holder; who comes in alone begins it anew. */
function lockAs(fd: number, { kind, holder, flock }: LockRequest): boolean {
  const alone = flock(fd, "exclusive", { wait: false });
  if (!alone && (kind === "exclusive" || !flock(fd, "shared", { wait: false }))) return false;
  if (alone) ftruncateSync(fd, 0);
  writeHolder(fd, holder);
  return !alone || kind === "exclusive" || flock(fd, "shared", { wait: false });
}

/** A full disk must not keep out the job that is to make room: it holds the lock namelessly. */
function writeHolder(fd: number, holder: LockHolder): void {
  try {
    writeSync(fd, `${JSON.stringify(holder)}\n`);
  } catch (error) {
    if (!isCode(error, "ENOSPC") && !isCode(error, "EDQUOT")) throw error;
  }
}

function heldLock(fd: number, kind: "exclusive" | "shared"): RepositoryLock {
  let open = true;
  return {
    kind,
    get held() {
      return open;
    },
    release() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

function isStillAt(fd: number, path: string): boolean {
  try {
    return statSync(path).ino === fstatSync(fd).ino;
  } catch (error) {
    if (isCode(error, "ENOENT")) return false;
    throw error;
  }
}

function readHolders(path: string): Partial<LockHolder>[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      const holder = parsed(line);
      return holder === undefined ? [] : [holder];
    });
}

function parsed(line: string): Partial<LockHolder> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined; // half written: the holder has only just come in
  }
}

function heldBy(holders: Partial<LockHolder>[], path: string): BackupError {
  const holder = holders.at(-1);
  const who =
    holder === undefined
      ? "a job that has not said its name yet"
      : `${shown(holder.job)} ${shown(holder.command)} in container ${shown(holder.container)} (process ${shown(holder.pid)}) since ${shown(holder.started)}`;
  return new BackupError("LOCKED", `the repository is locked by ${who}`, {
    hint: `Wait until it is done. The kernel holds the lock on ${path}: it goes with that process, and there is nothing to remove.`,
  });
}

function shown(value: unknown): string {
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "?";
  return text.replaceAll(/\p{Cc}/gu, "?").slice(0, 200);
}
