import { recordFailure } from "@erlmcp/host";
import { runJob } from "@erlmcp/job";
import { restore } from "./restore.ts";

await runJob({ service: "restore", main: restore, recordFailure });
