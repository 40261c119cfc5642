import { recordFailure, workerVariable } from "@erlmcp/host";
import { runJob } from "@erlmcp/job";
import { verify } from "./verify.ts";

await runJob({
  service: "verify",
  main: verify,
  async recordFailure(context, error, exitCode) {
    if (!(workerVariable in context.env)) await recordFailure(context, error, exitCode); // a drill's launcher tells of it
  },
});
