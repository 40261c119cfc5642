export { createLog, type Log } from "./log.ts";
export { createOutput, type Output } from "./output.ts";
export { createProgress, type Progress } from "./progress.ts";
export { redact } from "./redact.ts";
export { runJob, type JobContext, type JobDefinition, type JobOutcome, type RunFacts } from "./run-job.ts";
export type { Signals } from "./signals.ts";
export { readSettings, settingsTable, showSettings, type Settings, type SettingName } from "./settings.ts";
