import { recordFailure } from "@erlmcp/host";
import { runJob } from "@erlmcp/job";
import { backup } from "./backup.ts";

await runJob({ service: "backup", main: backup, recordFailure });
