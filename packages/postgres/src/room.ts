import { z } from "zod";
import type { Access } from "./access.ts";
import type { Entrance } from "./target.ts";

/** What the container offers to programs of ours. */
export interface Room {
  folder: string; // of the server's data; our temporary files go into the folder that it empties when it starts
  freeBytes: number | undefined; // on the file system of the folder; undefined when it can't be told
  writable: boolean; // to the system user that our programs run as
  cores: number;
}

const Answer = z.object({ cores: z.int().positive(), free: z.int().nonnegative().optional(), writable: z.boolean() });

/** Of the folder's file system, in KiB: POSIX's form of df has the free ones in the fourth column. */
const script = `cores=$(nproc 2>/dev/null || echo 1)
free=$(df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print $4 }')
writable=false
[ ! -w "$1/base" ] || writable=true
echo "{\\"cores\\":$cores,\${free:+\\"free\\":$free,}\\"writable\\":$writable}"`;

export async function readRoom(access: Entrance): Promise<Room> {
  const folder = (await access.query(access.database, "SHOW data_directory;")).replace(/\n$/, "");
  const answer = Answer.parse(JSON.parse(await shell(access, script, [folder])));
  const freeBytes = answer.free === undefined ? undefined : answer.free * 1024;
  return { folder, freeBytes, writable: answer.writable, cores: answer.cores };
}

/** Runs a script of the shell in the container and gives what it printed; how it ended is the caller's to see in that. */
export async function shell(access: Access, text: string, args: readonly string[]): Promise<string> {
  const exec = await access.program("sh", ["-c", text, "sh", ...args], "template1");
  let output = "";
  for await (const piece of exec.stdout) output += piece.toString("utf8");
  await exec.exitCode;
  return output;
}
