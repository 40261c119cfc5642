import { spawn } from "node:child_process";
import { BackupError } from "@erlmcp/errors";
import type { TreeCounts } from "./tree-counts.ts";

/** What find(1) says of a folder's contents. */
export async function findTree(folder: string, signal: AbortSignal): Promise<TreeCounts> {
  const counts = { files: 0, folders: 0, links: 0, others: 0, bytes: 0 };
  const shared = new Set<string>(); // files with several names that have been counted
  const args = [folder, "-mindepth", "1", "-printf", String.raw`%y %s %n %i\n`];
  for await (const line of lines(run("find", args, { signal }), "\n")) {
    const [type = "", size = "0", links = "1", inode = ""] = line.split(" ");
    if (type === "d") counts.folders += 1;
    else if (type === "l") counts.links += 1;
    else if (type !== "f") counts.others += 1;
    else {
      counts.files += 1;
      if (!shared.has(inode)) counts.bytes += Number(size);
      if (links !== "1") shared.add(inode);
    }
  }
  return counts;
}

/** What sha256sum(1) says of files, in their order. @param paths relative to the folder, in whatever bytes */
export async function hashFiles(folder: string, paths: readonly Buffer[], signal: AbortSignal): Promise<string[]> {
  if (paths.length === 0) return [];
  const input = Buffer.concat(paths.flatMap((path) => [Buffer.from("./"), path, Buffer.from("\0")]));
  const hashes: string[] = [];
  const args = ["-0", "sha256sum", "-z", "--"];
  for await (const line of lines(run("xargs", args, { cwd: folder, input, signal }), "\0"))
    hashes.push(line.slice(0, 64));
  return hashes;
}

interface RunOptions {
  readonly cwd?: string;
  readonly input?: Buffer;
  readonly signal: AbortSignal;
}

async function* run(program: string, args: readonly string[], options: RunOptions): AsyncGenerator<Buffer> {
  const { cwd, input, signal } = options;
  const child = spawn(program, [...args], {
    stdio: ["pipe", "pipe", "pipe"],
    signal,
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stderr = "";
  child.stderr.on("data", (piece: Buffer) => (stderr = (stderr + piece.toString()).slice(-1000)));
  const ended = Promise.withResolvers<number>();
  child.on("error", ended.reject);
  child.on("close", (code) => ended.resolve(code ?? -1));
  ended.promise.catch(() => undefined); // awaited below
  child.stdin.on("error", () => undefined); // its exit status tells why
  child.stdin.end(input);
  yield* child.stdout;
  const code = await ended.promise;
  if (code !== 0) throw new BackupError("FAILED", `${program} ended with status ${code}, and said ${stderr.trim()}`);
}

async function* lines(pieces: AsyncIterable<Buffer>, end: string): AsyncGenerator<string> {
  let rest = "";
  for await (const piece of pieces) {
    const parts = (rest + piece.toString("latin1")).split(end);
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
