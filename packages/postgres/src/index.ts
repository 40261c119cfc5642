export { capturePostgres, type PostgresCapture } from "./capture.ts";
export { TableCount, type CountLimits } from "./counts.ts";
export { surveyPostgres, type SurveyPostgres } from "./survey.ts";
