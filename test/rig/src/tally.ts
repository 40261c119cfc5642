import { z } from "zod";

/** What we read of a report by vitest's JSON reporter. */
const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

/** One command of a test run: a check such as the linter, or a vitest run with its report. */
export interface Step {
  readonly name: string;
  readonly exitStatus: number;
  /** The text of vitest's JSON report; undefined when the command wrote none. */
  readonly report: string | undefined;
}

/** What a run came to. `failures` says which, one line each. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

/** Adds up the steps. A check counts as one; so does a test file that does not load, and a run that fails without saying why. */
export function tally(steps: readonly Step[]): Tally {
  const parts = steps.map(tallyStep);
  return {
    passed: sum(parts.map((part) => part.passed)),
    failed: sum(parts.map((part) => part.failed)),
    skipped: sum(parts.map((part) => part.skipped)),
    failures: parts.flatMap((part) => part.failures),
  };
}

/** The last line of a run, e.g. "12 passed, 0 failed, 1 skipped". */
export function summaryLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Whether the run may call itself good: something ran and nothing failed. */
export function isGood({ passed, failed }: Tally): boolean {
  return failed === 0 && passed > 0;
}

function tallyStep(step: Step): Tally {
  if (step.report === undefined) {
    return step.exitStatus === 0
      ? { passed: 1, failed: 0, skipped: 0, failures: [] }
      : { passed: 0, failed: 1, skipped: 0, failures: [`${step.name}: exit status ${step.exitStatus}`] };
  }
  const part = tallyReport(step.name, step.report);
  if (step.exitStatus === 0 || part.failed > 0) return part;
  const ran = part.passed + part.skipped > 0 ? "although no test failed (an unhandled error?)" : "and no test ran";
  const failures = [`${step.name}: exit status ${step.exitStatus} ${ran}`];
  return { ...part, failed: 1, failures };
}

function tallyReport(name: string, text: string): Tally {
  const files = parseReport(text);
  if (files === undefined) {
    return { passed: 0, failed: 1, skipped: 0, failures: [`${name}: its report cannot be read`] };
  }
  const tests = files.flatMap((file) => file.assertionResults);
  const failedTests = tests.filter((test) => test.status === "failed");
  const brokenFiles = files.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const passed = tests.filter((test) => test.status === "passed").length;
  const failures = [
    ...failedTests.map((test) => `${name}: ${test.fullName}`),
    ...brokenFiles.map((file) => `${name}: ${file.name} ${file.message ?? "failed outside its tests"}`.trimEnd()),
  ];
  return { passed, failed: failures.length, skipped: tests.length - passed - failedTests.length, failures };
}

function parseReport(text: string): z.infer<typeof Report>["testResults"] | undefined {
  try {
    return Report.parse(JSON.parse(text)).testResults;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
