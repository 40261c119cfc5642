import { constants } from "node:os";
import { SystemError } from "./libc.ts";

/**
 * One name in a folder, or a path of them, as a string with one character a byte (Node's "latin1"): names are
 * bytes, and this way they compare, sort and join as strings do, fast and without losing one.
 */
export type ByteName = string;

/** A name as C has it. It must be just one name: what could lead elsewhere is refused. */
export function cName(name: ByteName): Buffer {
  if (name === "" || name === ".." || name.includes("/") || name.includes("\0")) {
    throw new SystemError("name", constants.errno.EINVAL, name);
  }
  return Buffer.from(`${name}\0`, "latin1");
}

/** The path of a name in an open folder, whose own path may be longer than the system takes, or change meanwhile. */
export function pathInFolder(folder: number, name: ByteName): Buffer {
  return Buffer.from(`/proc/self/fd/${folder}/${name}`, "latin1");
}
