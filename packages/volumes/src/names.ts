import { type ByteString, nameOf } from "@erlmcp/entry";
import type { ByteName } from "@erlmcp/posix";

/** A walked path as entries hold it. */
export function entryPath(path: ByteName): ByteString {
  return nameOf(Buffer.from(path, "latin1"));
}

/** A path for people and the ledger, on one line: what is no printable UTF-8 as \xNN. */
export function displayPath(path: ByteName): string {
  if (path === "") return ".";
  const bytes = Buffer.from(path, "latin1");
  const name = nameOf(bytes);
  if (typeof name === "string" && !/[\p{Cc}\\]/u.test(name)) return name;
  return path.replaceAll(/[^ -~]|\\/g, escapeByte);
}

function escapeByte(byte: string): string {
  return `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`;
}

export function joinPath(folder: ByteName, name: ByteName): ByteName {
  return folder === "" ? name : `${folder}/${name}`;
}
