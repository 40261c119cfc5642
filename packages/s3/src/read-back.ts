import { createHash } from "node:crypto";
import { BackupError } from "@erlmcp/errors";
import { readPieces } from "./read.ts";
import type { Session } from "./session.ts";

/** Reads an object and compares. @throws BackupError CORRUPT when the server gives other bytes than it was sent */
export async function readBack(
  session: Session,
  { key, sha256, signal }: { key: string; sha256: string; signal: AbortSignal | undefined },
): Promise<void> {
  const hash = createHash("sha256");
  for await (const piece of readPieces(session, { key, range: undefined, signal })) hash.update(piece);
  const actual = hash.digest("hex");
  if (actual === sha256) return;
  throw new BackupError("CORRUPT", `${session.name}/${key} was stored with SHA-256 ${actual}, sent with ${sha256}`, {
    hint: "The server, or something before it, alters bytes. Delete the object and look for the cause before the next run.",
  });
}
