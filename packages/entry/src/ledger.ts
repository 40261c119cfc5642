import { z } from "zod";
import { Component } from "./entry.ts";

/**
 * How far a captured thing is one moment's truth, strongest first. `transactional`: as of a transaction boundary;
 * `point-in-time`: one instant; `fuzzy-verified`: read while it may have changed, and known not to have; `fuzzy`: it may have.
 */
export const Grade = z.enum(["transactional", "point-in-time", "fuzzy-verified", "fuzzy"]);
export type Grade = z.infer<typeof Grade>;

/** `excluded`: by a rule or label; `ephemeral`: lives only while the VM does, worthless later; `unreadable` and `failed` make the run incomplete. */
export const Verdict = z.enum(["captured", "excluded", "ephemeral", "unreadable", "failed"]);
export type Verdict = z.infer<typeof Verdict>;

/** One line of the coverage ledger: what became of one thing that exists. */
export const LedgerLine = z.strictObject({
  component: Component,
  source: z.string(), // the container, node or volume
  name: z.string(), // the table, database or path
  verdict: Verdict,
  reason: z.string().optional(), // the rule or the error; always there unless captured
  grade: Grade.optional(), // always there when captured
  rows: z.int().nonnegative().optional(),
  bytes: z.int().nonnegative().optional(),
  notes: z.array(z.string()).optional(), // e.g. "12 rows hold pids"
});
export type LedgerLine = z.infer<typeof LedgerLine>;

const order = Grade.options;

/** The weakest of several grades, which is the grade of the whole; undefined for none. */
export function weakestGrade(grades: Iterable<Grade>): Grade | undefined {
  let weakest = -1;
  for (const grade of grades) weakest = Math.max(weakest, order.indexOf(grade));
  return order[weakest];
}
