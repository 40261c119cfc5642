import { BackupError } from "@erlmcp/errors";
import { z } from "zod";
import type { ErlangCheck } from "./checks.ts";
import type { Drilling } from "./drilling.ts";
import type { UpNode } from "./erlang.ts";

const Answer = z.object({ value: z.string(), equal: z.boolean() });
const limitMs = 300_000;

/** An operator's expressions, in the node that they name, or in the first one. */
export async function evaluateChecks(
  drilling: Drilling,
  up: readonly UpNode[],
  checks: readonly ErlangCheck[],
): Promise<void> {
  for (const [at, check] of checks.entries()) {
    const one = up.find(({ files }) => check.node === undefined || files.node.node === check.node);
    const where = check.node ?? one?.files.node.node ?? "no node";
    const { found, ok } =
      one === undefined ? { found: "there is no such node", ok: false } : await evaluate(one, at + 1);
    reportCheck(drilling, { name: check.name, where, expected: check.expect, found, ok });
  }
}

async function evaluate({ session }: UpNode, number: number): Promise<{ found: string; ok: boolean }> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new BackupError("FAILED", "it has not ended after 300 s")), limitMs);
  try {
    const [answer] = await Promise.race([session.ask(`eval ${number}`), late.promise]);
    const { value, equal } = Answer.parse(answer);
    return { found: value, ok: equal };
  } catch (error) {
    if (error instanceof BackupError && error.code === "FAILED") return { found: error.message, ok: false };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What an operator finds in the report: enough to see what it was, not a table's worth. */
const shownLength = 1000;

export function reportCheck(
  { record }: Pick<Drilling, "record">,
  check: { name: string; where: string; expected: string; found: string; ok: boolean },
): void {
  const found = check.found.slice(0, shownLength);
  record.checks.push({ ...check, found });
  if (check.ok) return;
  record.wrong(
    { component: null, source: check.where },
    `check ${check.name} fails: it gives ${found.slice(0, 200)}, not ${check.expected.slice(0, 200)}`,
  );
}
