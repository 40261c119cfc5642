import { createHash } from "node:crypto";
import type { Examiner, OwnBytes, RangeReader } from "@erlmcp/pack";
import type { RestorePointAccess } from "@erlmcp/restore-point";
import { attempt } from "./attempt.ts";

/** What a verification tells while it goes on; @erlmcp/job's Progress is one. */
export interface VerifyProgress {
  step(name: string): void;
  expect(bytes: number): void;
  add(bytes: number): void;
}

/** Objects up to this are read whole and handed to a thread; a pack is half of it. Larger ones are read piece by piece. */
const wholeBytes = 64 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

/** Reads the stored objects; that one is missing is a CORRUPT error, whatever else lies in its place. */
export function createObjectReader(
  access: RestorePointAccess,
  { progress, signal }: { progress: VerifyProgress | undefined; signal: AbortSignal },
) {
  async function openObject(id: string, name: string): Promise<RangeReader> {
    signal.throwIfAborted();
    // What is no regular file must not be opened: a pipe without a writer would never answer.
    if ((await access.store.stat(`${id}/${name}`)) === undefined)
      throw Object.assign(new Error("missing"), { code: "ENOENT" });
    return access.open(id, name);
  }

  return {
    open: openObject,
    /** Its bytes, for a thread to take over; undefined when it is too large for that. */
    async whole(file: RangeReader): Promise<OwnBytes | undefined> {
      if (file.size > wholeBytes) return undefined;
      const bytes = new Uint8Array(file.size);
      for (let at = 0; at < file.size; at += pieceBytes) {
        signal.throwIfAborted();
        const piece = await file.read(at, Math.min(pieceBytes, file.size - at));
        bytes.set(piece, at);
        progress?.add(piece.length);
      }
      return bytes;
    },
    /** SHA-256 of an object of any length. */
    async digest(file: RangeReader): Promise<string> {
      const hash = createHash("sha256");
      for (let at = 0; at < file.size; at += pieceBytes) {
        signal.throwIfAborted();
        const piece = await file.read(at, Math.min(pieceBytes, file.size - at));
        hash.update(piece);
        progress?.add(piece.length);
      }
      return hash.digest("hex");
    },
  };
}

export type ObjectReader = ReturnType<typeof createObjectReader>;

export interface ExpectedObject {
  readonly name: string;
  readonly bytes: number | undefined;
  readonly sha256: string;
}

/** What is wrong with the length and the SHA-256 of an object. */
export function compareObject(expected: ExpectedObject, found: { bytes: number; sha256: string }): string[] {
  const { bytes, sha256 } = expected;
  if (bytes !== undefined && bytes !== found.bytes) return [`it has ${found.bytes} bytes instead of ${bytes}`];
  return sha256 === found.sha256 ? [] : ["its SHA-256 is not that of the manifest"];
}

/** Length and SHA-256 of an object compared. @returns what is wrong, and its length when it could be read */
export async function checkObject(
  reader: ObjectReader,
  examiner: Examiner,
  { id, object }: { id: string; object: ExpectedObject },
): Promise<{ problems: string[]; bytes: number | undefined }> {
  const done = await attempt(async () => {
    const file = await reader.open(id, object.name);
    try {
      const bytes = await reader.whole(file);
      const sha256 = bytes === undefined ? await reader.digest(file) : await examiner.sha256(bytes);
      return { bytes: file.size, sha256 };
    } finally {
      await file.close?.();
    }
  });
  if ("problem" in done) return { problems: [done.problem], bytes: undefined };
  return { problems: compareObject(object, done.value), bytes: done.value.bytes };
}
