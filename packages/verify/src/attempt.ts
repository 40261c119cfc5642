import { BackupError } from "@erlmcp/errors";

export type Attempt<T> = { readonly value: T } | { readonly problem: string };

/** What the file system says of one object; anything else is a failure of the whole store. */
const objectErrors = new Set(["EIO", "EACCES", "EPERM", "EISDIR", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EUCLEAN"]);

/** Runs what reads stored objects: that one is missing, damaged or cannot be read is a finding; all else is thrown. */
export async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    return { problem };
  }
}

/** Why an object is not what it should be, in words; undefined when the error is about something else. */
export function problemOf(error: unknown): string | undefined {
  if (error instanceof BackupError) {
    if (error.code === "NOT_FOUND") return "it is missing";
    return error.code === "CORRUPT" || error.code === "FORMAT_UNKNOWN" ? error.message : undefined;
  }
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  if (error.code === "ENOENT") return "it is missing";
  return objectErrors.has(error.code) ? `it cannot be read: ${error.code}` : undefined;
}
