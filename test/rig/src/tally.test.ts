import { expect, it } from "vitest";
import { isGood, type Step, summaryLine, tally } from "./tally.ts";

function report(files: { status: string; tests: string[] }[]): string {
  return JSON.stringify({
    testResults: files.map(({ status, tests }, file) => ({
      name: `/src/${file}.test.ts`,
      status,
      assertionResults: tests.map((result, test) => ({ fullName: `test ${file}.${test}`, status: result })),
    })),
  });
}

const lint: Step = { name: "lint", exitStatus: 0, report: undefined };
const unit: Step = {
  name: "unit",
  exitStatus: 0,
  report: report([
    { status: "passed", tests: ["passed", "passed"] },
    { status: "passed", tests: ["skipped", "todo", "pending"] },
  ]),
};

it.for([
  { name: "counts nothing as nothing", steps: [], line: "0 passed, 0 failed", good: false },
  { name: "counts a check as one", steps: [lint], line: "1 passed, 0 failed", good: true },
  { name: "adds checks and tests", steps: [lint, unit], line: "3 passed, 0 failed, 3 skipped", good: true },
  { name: "counts a failed check", steps: [{ ...lint, exitStatus: 1 }], line: "0 passed, 1 failed", good: false },
  {
    name: "counts failed tests, but not their exit status again",
    steps: [{ ...unit, exitStatus: 1, report: report([{ status: "failed", tests: ["failed", "failed", "passed"] }]) }],
    line: "1 passed, 2 failed",
    good: false,
  },
  {
    name: "counts a file that did not load",
    steps: [{ ...unit, exitStatus: 1, report: report([{ status: "failed", tests: [] }]) }],
    line: "0 passed, 1 failed",
    good: false,
  },
  {
    name: "counts a file whose hook failed after tests passed",
    steps: [{ ...unit, exitStatus: 1, report: report([{ status: "failed", tests: ["passed", "passed"] }]) }],
    line: "2 passed, 1 failed",
    good: false,
  },
  {
    name: "counts an exit status that no test explains",
    steps: [{ ...unit, exitStatus: 1 }],
    line: "2 passed, 1 failed, 3 skipped",
    good: false,
  },
  {
    name: "counts a report that was cut off",
    steps: [{ ...unit, report: '{"testResults":[' }],
    line: "0 passed, 1 failed",
    good: false,
  },
  {
    name: "counts a report of another shape",
    steps: [{ ...unit, report: "{}" }],
    line: "0 passed, 1 failed",
    good: false,
  },
])("tally $name", ({ steps, line, good }) => {
  const total = tally(steps);
  expect(summaryLine(total)).toBe(line);
  expect(isGood(total)).toBe(good);
});

it("names what failed", () => {
  const failing = report([
    { status: "failed", tests: ["passed", "failed"] },
    { status: "failed", tests: [] },
  ]);
  const { failures } = tally([
    { ...lint, exitStatus: 2 },
    { name: "int", exitStatus: 1, report: failing },
    { ...unit, exitStatus: 1 },
    { name: "e2e", exitStatus: 1, report: report([]) },
  ]);
  expect(failures).toEqual([
    "lint: exit status 2",
    "int: test 0.1",
    "int: /src/1.test.ts failed outside its tests",
    "unit: exit status 1 although no test failed (an unhandled error?)",
    "e2e: exit status 1 and no test ran",
  ]);
});
