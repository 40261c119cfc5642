import { BackupError } from "@erlmcp/errors";
import { checkBody, checkRange, piecesOf, refuseAttributes } from "./bytes.ts";
import { checkKey, compareKeys } from "./key.ts";
import type { ObjectStore } from "./object-store.ts";

/** A store in memory, for tests and for what need not outlive the process. */
export function createMemoryStore(name = "memory"): ObjectStore {
  const objects = new Map<string, Buffer>();
  const keysBelow = (prefix: string): string[] =>
    [...objects.keys()].filter((key) => key.startsWith(prefix)).toSorted(compareKeys);

  return {
    name,
    async put(key, body, options = {}) {
      checkKey(key);
      refuseAttributes(options, name);
      if (options.ifAbsent === true && objects.has(key)) return "exists";
      const pieces: Uint8Array[] = [];
      for await (const piece of checkBody(piecesOf(body), options, key)) {
        options.signal?.throwIfAborted();
        pieces.push(Uint8Array.from(piece));
      }
      if (options.ifAbsent === true && objects.has(key)) return "exists"; // put by another meanwhile
      objects.set(key, Buffer.concat(pieces));
      return "stored";
    },
    // eslint-disable-next-line require-await -- an async generator, as the interface wants it
    async *get(key, range, signal) {
      const bytes = objects.get(checkKey(key));
      if (bytes === undefined) throw new BackupError("NOT_FOUND", `${name} has no ${key}`);
      if (range !== undefined) checkRange(range, bytes.length, key);
      signal?.throwIfAborted();
      const { offset, bytes: length } = range ?? { offset: 0, bytes: bytes.length };
      if (length > 0) yield Buffer.from(bytes.subarray(offset, offset + length));
    },
    stat(key) {
      const bytes = objects.get(checkKey(key));
      return Promise.resolve(bytes === undefined ? undefined : { key, bytes: bytes.length });
    },
    async *list(prefix) {
      for (const key of keysBelow(prefix)) yield await Promise.resolve({ key, bytes: objects.get(key)?.length ?? 0 });
    },
    async *folders(prefix) {
      const names = keysBelow(prefix)
        .map((key) => key.slice(prefix.length).split("/"))
        .flatMap(([first, ...rest]) => (first !== undefined && rest.length > 0 ? [first] : []));
      for (const folder of [...new Set(names)].toSorted(compareKeys)) yield await Promise.resolve(folder);
    },
    delete(keys) {
      for (const key of keys) objects.delete(checkKey(key));
      return Promise.resolve();
    },
  };
}
