import type { Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";

/**
 * What a difference means. `fails`: the restore has failed. `incomplete`: something of the restore point is not there any more,
 * which the running application accounts for: the restore stands, and is never green. `note`: nothing is missing.
 */
export type Weight = "fails" | "incomplete" | "note";

/** One thing that is otherwise than the restore point has it. */
export interface Difference {
  readonly name: string; // of the table, database or file
  readonly what: string; // rows, type, keypos, size …
  readonly expected: string; // in the restore point
  readonly found: string;
  readonly weight: Weight;
  readonly reason?: string | undefined; // what accounts for it
}

/** What was compared of one source with the restore point, after it had been put in its place. */
export interface Compared {
  readonly component: Component;
  readonly source: string;
  readonly things: string; // tables, databases, files …: what was counted
  readonly equal: number; // of them are as in the restore point
  readonly differences: readonly Difference[];
  readonly how?: string | undefined; // what of each thing was compared
}

/**
 * Rows of a table that the application may be changing already. Fewer than there were is never called complete; more lose
 * nothing.
 *
 * @param reason why the application accounts for it; undefined: it does not, and any difference fails the restore
 */
export function compareRows(
  name: string,
  { expected, found, reason }: { expected: number; found: number; reason: string | undefined },
): Difference[] {
  if (expected === found) return [];
  const weight = reason === undefined ? "fails" : found < expected ? "incomplete" : "note";
  return [{ name, what: "rows", expected: String(expected), found: String(found), weight, reason }];
}

/** A difference in words: `account: rows 90, the restore point has 100 (the application has written since its start)` */
export function differenceText({ name, what, expected, found, reason }: Difference): string {
  return `${name}: ${what} ${found}, the restore point has ${expected}${reason === undefined ? "" : ` (${reason})`}`;
}

/** All differences of one weight, each with its component. */
export function differencesOf(compared: readonly Compared[], weight: Weight): string[] {
  return compared.flatMap(({ component, differences }) =>
    differences.filter((one) => one.weight === weight).map((one) => `${component} ${differenceText(one)}`),
  );
}

/** @throws BackupError FAILED that names what is otherwise than it was captured, and cannot be explained */
export function requireSame(compared: readonly Compared[]): void {
  const failed = differencesOf(compared, "fails");
  if (failed.length === 0) return;
  const more = failed.length > 5 ? `; and ${failed.length - 5} more` : "";
  throw new BackupError("FAILED", `not as in the restore point: ${failed.slice(0, 5).join("; ")}${more}`, {
    hint: "See the logs of the application; restore ID --to unpacks what the restore point holds.",
  });
}
