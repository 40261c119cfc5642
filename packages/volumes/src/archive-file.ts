import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable, type Readable as NodeReadable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { BackupError } from "@erlmcp/errors";
import { extract, pack } from "tar-stream";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A file as a tar stream with that one member. */
export async function archiveFile(
  path: string,
  { name, mode, owner }: { name: string; mode: number; owner: Owner },
): Promise<NodeReadable> {
  const { size, mtime } = await stat(path);
  const tar = pack();
  const member = tar.entry({ name, type: "file", mode, size, mtime, ...owner });
  pipeline(createReadStream(path), member).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return Readable.from(tar, { objectMode: false });
}

/** The owner of what a tar stream begins with, as the engine makes one of a path; the rest of it is not read. */
export async function ownerIn(tar: NodeReadable): Promise<Owner> {
  const members = extract();
  tar.on("error", (error) => members.destroy(error));
  tar.pipe(members);
  try {
    for await (const { header } of members) return { uid: header.uid ?? 0, gid: header.gid ?? 0 };
  } finally {
    tar.destroy();
  }
  throw new BackupError("FAILED", "the engine's archive is empty");
}
