import { BackupError } from "@erlmcp/errors";

/**
 * JSON with one spelling for one value: object members in ascending order of their names (UTF-16 code units, as RFC 8785),
 * no member whose value is undefined, numbers and strings as ECMAScript writes them. `indent` spaces a level make it
 * legible; without it there is no white space at all, which is RFC 8785 itself.
 */
export function canonicalJson(value: unknown, indent = 0): string {
  return indent === 0 ? compact(value) : write(value, indent, "\n");
}

/** What `write` writes without white space, with less to throw away: there is a line for each file of a volume. */
function compact(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value !== "object") throw new TypeError(`${typeof value} has no JSON form`);
  let text = "";
  if (Array.isArray(value)) {
    for (const item of value) text += text === "" ? compact(item) : `,${compact(item)}`;
    return `[${text}]`;
  }
  const names = Object.keys(value);
  // oxlint-disable-next-line unicorn/no-array-sort, unicorn/require-array-sort-compare -- our own array, by UTF-16 code units: a callback costs as much as the rest
  names.sort();
  for (const name of names) {
    const member: unknown = Reflect.get(value, name);
    if (member !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${compact(member)}`;
  }
  return `{${text}}`;
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

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses what may be hostile: refuses more than `limitBytes`, what is not UTF-8, and what is not JSON.
 * @throws BackupError CORRUPT that begins with `what`, the name of the document
 */
export function parseJson(bytes: Uint8Array, what: string, limitBytes: number): unknown {
  if (bytes.byteLength > limitBytes) {
    throw new BackupError("CORRUPT", `${what} is ${bytes.byteLength} bytes long, more than ${limitBytes} can be`);
  }
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw new BackupError("CORRUPT", `${what} is not JSON`, { cause });
  }
}
