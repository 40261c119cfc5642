import type { LedgerLine } from "@erlmcp/entry";
import { expect, it } from "vitest";
import { createLedgerSummary, notReadLimit, type LedgerSummary } from "./index.ts";

function summaryOf(lines: LedgerLine[]): LedgerSummary {
  const summary = createLedgerSummary();
  for (const line of lines) summary.add(line);
  return summary.result();
}

it("sums up by component, verdict and grade", () => {
  const failed: LedgerLine = { component: "dets", source: "n1", name: "d", verdict: "failed", reason: "EIO" };
  expect(
    summaryOf([
      { component: "ets", source: "n1", name: "a", verdict: "captured", grade: "point-in-time", rows: 2, bytes: 20 },
      { component: "ets", source: "n2", name: "a", verdict: "captured", grade: "fuzzy-verified", rows: 3, bytes: 30 },
      { component: "ets", source: "n2", name: "b", verdict: "ephemeral", reason: "of the VM" },
      { component: "mnesia", source: "n1", name: "m", verdict: "captured", grade: "transactional", rows: 5 },
      failed,
    ]),
  ).toEqual({
    components: {
      ets: { sources: 2, captured: 2, rows: 5, bytes: 50, grade: "fuzzy-verified" },
      mnesia: { sources: 1, captured: 1, rows: 5, bytes: 0, grade: "transactional" },
      dets: { sources: 1, captured: 0, rows: 0, bytes: 0, grade: null },
    },
    ledger: {
      captured: 3,
      excluded: 0,
      ephemeral: 1,
      unreadable: 0,
      failed: 1,
      not_read: [failed],
      not_read_omitted: 0,
    },
    grades: { transactional: 1, "point-in-time": 1, "fuzzy-verified": 1, fuzzy: 0 },
    grade: "fuzzy-verified",
    complete: false,
  });
});

it("is complete, and without a grade, when there is nothing", () => {
  expect(summaryOf([])).toMatchObject({ components: {}, grade: null, complete: true });
});

it("counts what it no longer lists", () => {
  const line: LedgerLine = { component: "volumes", source: "v", name: "f", verdict: "unreadable", reason: "EACCES" };
  const { ledger } = summaryOf(Array.from({ length: notReadLimit + 2 }, () => line));
  expect(ledger.not_read).toHaveLength(1000);
  expect(ledger.not_read_omitted).toBe(2);
});
