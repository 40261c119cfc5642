export { describeFinding, finding, findingLimit, type Finding } from "./finding.ts";
export type { VerifyProgress } from "./objects.ts";
export { nothingProven, type Proven } from "./proven.ts";
export { createVerification, verifyRestorePoint, type Verdict, type Verification } from "./verification.ts";
export type { VerifyMode, VerifyOptions } from "./shared.ts";
export {
  createReport,
  formatReport,
  serializeReport,
  VerifyReport,
  type ReportFacts,
  type Verified,
} from "./report.ts";
export { DrillReport, restoreSeconds, type DrillStage, type DrillTiming } from "./drill-report.ts";
