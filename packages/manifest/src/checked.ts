import { BackupError } from "@erlmcp/errors";
import type { z } from "zod";

/**
 * Checks a parsed document against its schema. A field that the schema does not know is a feature that this version
 * cannot honour, so it is refused by name instead of being overlooked.
 * @throws BackupError FORMAT_UNKNOWN for unknown fields, CORRUPT for anything else that does not fit
 */
export function checked<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = withinStack(() => schema.safeParse(value), what);
  if (result.success) return result.data;
  const unknown = unknownFields(result.error.issues);
  if (unknown.length > 0) {
    throw new BackupError(
      "FORMAT_UNKNOWN",
      `${what} has fields that this version does not know: ${unknown.join(", ")}`,
      {
        hint: "It was written by a newer version; use that one to read it.",
      },
    );
  }
  const issue = result.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? "it" : issue.path.map(String).join(".");
  throw new BackupError("CORRUPT", `${what} is not valid: ${shorten(where)}: ${shorten(issue?.message ?? "unknown")}`);
}

/** A document nested thousands of levels deep runs what is recursive out of stack: that is the document's fault. */
export function withinStack<T>(check: () => T, what: string): T {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof RangeError) throw new BackupError("CORRUPT", `${what} is nested too deeply`, { cause });
    throw cause;
  }
}

function unknownFields(issues: readonly z.core.$ZodIssue[]): string[] {
  return issues
    .flatMap((issue) => {
      const parent = issue.path.map(String);
      return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...parent, key].join(".")) : [];
    })
    .slice(0, 8)
    .map(shorten);
}

function shorten(text: string): string {
  const clean = text.replaceAll(/\p{Cc}/gu, "?");
  return clean.length > 120 ? `${clean.slice(0, 117)}...` : clean;
}
