import { defineConfig } from "vitest/config";

/** Four kinds of tests: `unit` needs nothing, `int` needs a Docker engine, `e2e` drives the job images as an operator does; `soak` is e2e for hours. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          testTimeout: 60_000, // for a machine that is busy: no test asserts how fast it is
          include: ["packages/*/src/**/*.test.ts", "jobs/*/src/**/*.test.ts", "test/*/src/**/*.test.ts"],
          exclude: ["**/*.int.test.ts", "**/node_modules/**"],
        },
      },
      {
        test: {
          name: "int",
          include: ["packages/*/src/**/*.int.test.ts", "jobs/*/src/**/*.int.test.ts", "test/*/src/**/*.int.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.e2e.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "soak",
          include: ["test/e2e/**/*.soak.test.ts"],
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
