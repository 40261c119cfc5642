import { bytesOf, type ByteString } from "./byte-string.ts";

const pathLimit = 1024 * 1024; // bytes; deeper than any tree that a walk could have met

/**
 * The names of a path, each a byte a character; none for the root. What was read back is not trusted to stay inside:
 * undefined when the path is no plain one, with an empty name, `.`, `..`, or a NUL.
 */
export function namesIn(path: ByteString): string[] | undefined {
  const text = bytesOf(path).toString("latin1");
  if (text === "") return [];
  const names = text.split("/");
  return text.length <= pathLimit && names.every(isPlain) ? names : undefined;
}

function isPlain(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("\0");
}
