import { BackupError } from "@erlmcp/errors";
import { giveBack } from "./give-back.ts";
import { packName } from "./layout.ts";
import type { PackFacts, PackWrite } from "./pack-builder.ts";
import type { PackFile, PackTarget } from "./target.ts";

/** Puts what workers sealed into packs, each in its order. */
export interface PackFiles {
  /** Resolves when it is written. */
  append(write: PackWrite): Promise<void>;
  /** In the order of their numbers. */
  complete(): PackFacts[];
  /** Closes what a failed run left open. */
  close(): Promise<void>;
}

export function createPackFiles(target: PackTarget): PackFiles {
  const open = new Map<number, { file: Promise<PackFile>; last: Promise<void>; bytes: number }>();
  const complete: PackFacts[] = [];

  async function write(
    previous: Promise<void>,
    opening: Promise<PackFile>,
    { bytes, ...rest }: PackWrite,
  ): Promise<void> {
    await previous;
    const file = await opening;
    await file.write(bytes);
    giveBack(bytes);
    if (rest.complete === undefined) return;
    open.delete(rest.number);
    await file.close();
    complete.push(rest.complete);
  }

  return {
    async append(next) {
      const pack = open.get(next.number) ?? {
        file: target.create(packName(next.number)),
        last: Promise.resolve(),
        bytes: 0,
      };
      if (next.offset !== pack.bytes) {
        throw new BackupError("FAILED", `${packName(next.number)} was to be written out of order`);
      }
      pack.bytes += next.bytes.byteLength;
      open.set(next.number, pack);
      pack.last = write(pack.last, pack.file, next);
      await pack.last;
    },
    complete: () => complete.toSorted((a, b) => a.number - b.number),
    async close() {
      const left = [...open.values()];
      open.clear();
      // Of a run that failed already only the first error counts; its files go with the staging folder.
      await Promise.allSettled(
        left.map(async ({ file, last }) => last.catch(() => undefined).then(async () => (await file).close())),
      );
    },
  };
}
