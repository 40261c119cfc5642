import { createHash } from "node:crypto";
import { namesIn, type TableEntry } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";

/**
 * The path of a table or dump, name by name: text, unlike the names of files, and of any length.
 *
 * @throws BackupError CORRUPT
 */
export function textPath(path: TableEntry["path"]): string[] {
  const names = namesIn(path);
  if (names !== undefined) return names.map((name) => Buffer.from(name, "latin1").toString("utf8"));
  const shown = JSON.stringify(path).slice(0, 300);
  throw new BackupError("CORRUPT", `the path ${shown} in the restore point is none`, {
    hint: "Nothing was written there. Run verify, and take another restore point.",
  });
}

const nameLimit = 200; // bytes; of the 255 that a file system has, some are for suffixes

/** A name as that of a file: what is too long is cut, and told apart by a hash of the whole. */
export function shortName(name: string): string {
  if (Buffer.byteLength(name) <= nameLimit) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
  const head = Buffer.from(name)
    .subarray(0, nameLimit - 17)
    .toString("utf8")
    .replace(/\uFFFD+$/u, "");
  return `${head}~${hash}`;
}

/** One path element of any name. */
export function fileName(name: string): string {
  const plain = name.replaceAll("%", "%25").replaceAll("/", "%2F").replaceAll("\0", "%00");
  return shortName(plain === "" || plain === "." || plain === ".." ? `%${plain}` : plain);
}
