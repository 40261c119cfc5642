import { BackupError } from "@erlmcp/errors";

/**
 * JSON with one spelling for one value: object members in ascending order of their names (UTF-16 code units, as RFC 8785),
 * no member whose value is undefined, numbers and strings as ECMAScript writes them. `indent` spaces a level make it
 * legible; without it there is no white space at all, which is RFC 8785 itself.
 */
export function canonicalJson(value: unknown, indent = 0): string {
  return write(value, indent, "\n");
}

function write(value: unknown, indent: number, newline: string): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value !== "object") throw new TypeError(`${typeof value} has no JSON form`);
  const inner = newline + " ".repeat(indent);
  const parts = Array.isArray(value)
    ? value.map((item) => write(item, indent, inner))
    : Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, member]) => `${JSON.stringify(name)}:${indent > 0 ? " " : ""}${write(member, indent, inner)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (parts.length === 0) return open + close;
  return indent > 0 ? open + inner + parts.join(`,${inner}`) + newline + close : open + parts.join(",") + close;
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
  return JSON.stringify(value);
}

/**
 * Parses what may be hostile: refuses more than `limitBytes`, what is not UTF-8, and what is not JSON.
 * @throws BackupError CORRUPT that begins with `what`, the name of the document
 */
export function parseJson(bytes: Uint8Array, what: string, limitBytes: number): unknown {
  if (bytes.byteLength > limitBytes) {
    throw new BackupError("CORRUPT", `${what} is ${bytes.byteLength} bytes long, more than ${limitBytes} can be`);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return JSON.parse(text);
  } catch (cause) {
    throw new BackupError("CORRUPT", `${what} is not JSON`, { cause });
  }
}
