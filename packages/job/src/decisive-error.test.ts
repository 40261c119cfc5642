import { BackupError } from "@erlmcp/errors";
import { expect, it } from "vitest";
import { decisiveError } from "./run-job.ts";

const order = new BackupError("TERMINATED", "the backup job was stopped: SIGTERM", { hint: "run it again" });
const later = new BackupError("FAILED", "container x could not be started again", { hint: "docker start x" });

it.each<[string, unknown, unknown]>([
  [
    "a failure of its own kind",
    later,
    { code: "TERMINATED", message: order.message, hint: "docker start x", cause: later },
  ],
  ["an abort that came out of it", Object.assign(new Error("aborted"), { name: "AbortError" }), { code: "TERMINATED" }],
  ["anything unknown", "odd", { code: "TERMINATED", hint: "run it again", cause: "odd" }],
  ["the order itself", order, { code: "TERMINATED", message: order.message }],
])("once a job was told to stop, that decides its status, not %s", (_, thrown, wanted) => {
  expect(decisiveError(thrown, AbortSignal.abort(order))).toMatchObject({ ...Object(wanted) });
});

it("keeps what an ordered end has to tell beyond the order", () => {
  const undone = new BackupError("TERMINATED", order.message, { hint: "The system was put back." });
  expect(decisiveError(undone, AbortSignal.abort(order))).toBe(undone);
});

it("leaves every failure of a job that nobody stopped as it is", () => {
  expect(decisiveError(later, new AbortController().signal)).toBe(later);
});
