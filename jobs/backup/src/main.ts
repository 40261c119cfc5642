import { runJob } from "@erlmcp/job";
import { backup, recordFailure } from "./backup.ts";

await runJob({ service: "backup", main: backup, recordFailure });
