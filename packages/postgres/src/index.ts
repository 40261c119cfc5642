export { capturePostgres, type PostgresCapture } from "./capture.ts";
export { awaitPostgres } from "./await-server.ts";
export { TableCount, type CountLimits } from "./counts.ts";
export { surveyPostgres, type SurveyPostgres } from "./survey.ts";
export type { ArchiveLimits } from "./archive.ts";
export type { RecordedSource, TableName } from "./recorded.ts";
export {
  planPostgresRestore,
  restorePostgres,
  stagePostgresRestore,
  swapPostgresRestore,
  type PostgresRestore,
  type PostgresRestored,
  type RestoredDatabase,
} from "./restore.ts";
export { finishPostgresRestore, undoPostgresRestore, type EndedRestore } from "./restore-end.ts";
export type { PostgresRestorePlan } from "./restore-plan.ts";
export type { RestoredTable } from "./restore-table.ts";
export type { PostgresTarget } from "./target.ts";
