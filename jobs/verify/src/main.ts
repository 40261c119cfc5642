import { recordFailure } from "@erlmcp/host";
import { runJob } from "@erlmcp/job";
import { verify } from "./verify.ts";

await runJob({ service: "verify", main: verify, recordFailure });
