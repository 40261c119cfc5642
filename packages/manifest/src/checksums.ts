import { BackupError } from "@erlmcp/errors";

export interface Checksum {
  name: string; // relative to the folder of checksums.sha256
  sha256: string;
}

const unescaped: Record<string, string> = { "\\\\": "\\", "\\n": "\n", "\\r": "\r" };
const line = /^(\\?)([0-9a-f]{64}) [ *](.+)$/;

/** The text of checksums.sha256, sorted by name, as `sha256sum` writes it: names with backslash, newline or return escaped. */
export function formatChecksums(checksums: readonly Checksum[]): string {
  return checksums
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, sha256 }) => {
      const escaped = name.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
      return `${escaped === name ? "" : "\\"}${sha256}  ${escaped}\n`;
    })
    .join("");
}

/**
 * The reverse; refuses names that leave the folder, and the same name twice.
 * @throws BackupError CORRUPT
 */
export function parseChecksums(text: string, what = "checksums.sha256"): Checksum[] {
  if (text !== "" && !text.endsWith("\n")) throw new BackupError("CORRUPT", `${what} ends within a line`);
  const seen = new Set<string>();
  return text
    .split("\n")
    .slice(0, -1)
    .map((text_, i) => {
      const [, escape, sha256, written] = line.exec(text_) ?? [];
      if (sha256 === undefined || written === undefined)
        throw new BackupError("CORRUPT", `${what} line ${i + 1} is not valid`);
      const name = escape === "\\" ? unescape(written, `${what} line ${i + 1}`) : written;
      if (
        name.startsWith("/") ||
        name.includes("\0") ||
        name.split("/").some((part) => [".", "..", ""].includes(part))
      ) {
        throw new BackupError("CORRUPT", `${what} line ${i + 1} names a file outside of its folder`);
      }
      if (seen.has(name)) throw new BackupError("CORRUPT", `${what} names ${JSON.stringify(name)} twice`);
      seen.add(name);
      return { name, sha256 };
    });
}

function unescape(written: string, what: string): string {
  return written.replaceAll(/\\(?:.|$)/g, (pair) => {
    const character = unescaped[pair];
    if (character === undefined) throw new BackupError("CORRUPT", `${what} has an unknown escape`);
    return character;
  });
}
