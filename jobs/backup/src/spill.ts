import { createReadStream } from "node:fs";
import { open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { createDocumentSealer } from "@erlmcp/crypto";
import type { Spill, SpillReader, SpillWriter } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { random } from "./random.ts";

const headBytes = 4;
const frameLimitBytes = 1 << 30;

/**
 * Sorted runs that memory can't hold, in the staging folder. They are sealed with a key that exists only in this
 * process, whether or not the backup is encrypted: rows never lie in the clear on a disk.
 */
export function createSpill(folder: string): Spill {
  const sealer = createDocumentSealer({ dataKey: random(32), cipher: "aes-256-gcm", random });
  let files = 0;

  async function create(): Promise<SpillWriter> {
    files += 1;
    const number = files;
    const path = join(folder, String(number).padStart(6, "0"));
    const file = await open(path, "wx", 0o600);
    let frames = 0;
    const at = (frame: number) => ({ kind: "spill", number, offset: frame }) as const;

    async function write(bytes: Uint8Array): Promise<void> {
      const parts = sealer.seal(at(frames), bytes);
      frames += 1;
      const head = Buffer.alloc(headBytes);
      head.writeUInt32BE(parts.reduce((sum, part) => sum + part.byteLength, 0));
      await writeWhole(file, Buffer.concat([head, ...parts]));
    }

    async function* read(): AsyncGenerator<Uint8Array> {
      let frame = 0;
      for await (const sealed of framesOf(createReadStream(path, { highWaterMark: 256 * 1024 }))) {
        const plain = sealer.open(at(frame), sealed);
        if (plain === undefined)
          throw new BackupError("FAILED", `the spill file ${path} was changed while it was in use`);
        yield plain;
        frame += 1;
      }
      if (frame !== frames) throw new BackupError("FAILED", `the spill file ${path} has lost frames`);
    }

    return {
      write,
      async finish(): Promise<SpillReader> {
        await file.close();
        return { [Symbol.asyncIterator]: read, discard: () => rm(path, { force: true }) };
      },
    };
  }

  return { create };
}

async function writeWhole(file: FileHandle, bytes: Buffer): Promise<void> {
  try {
    await file.writeFile(bytes); // from where the last one ended
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ENOSPC")) throw cause;
    throw new BackupError("DISK_FULL", "the disk of the repository is full: sorting a large table needs room there", {
      hint: "Free space in the volume of BACKUP_ROOT.",
      cause,
    });
  }
}

async function* framesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let held = 0;
  let wanted = headBytes;
  let inHead = true;
  for await (const piece of bytes) {
    parts.push(piece);
    held += piece.length;
    while (held >= wanted) {
      const all = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, held);
      const frame = all.subarray(0, wanted);
      parts = [all.subarray(wanted)];
      held -= wanted;
      if (inHead) {
        wanted = frame.readUInt32BE(0);
        if (wanted > frameLimitBytes) throw new BackupError("FAILED", "a spill file holds a frame that is too long");
      } else {
        yield frame;
        wanted = headBytes;
      }
      inHead = !inHead;
    }
  }
  if (held > 0 || !inHead) throw new BackupError("FAILED", "a spill file ends within a frame");
}
