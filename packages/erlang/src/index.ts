export { loadAgent, type AgentFiles } from "./agent.ts";
export {
  captureErlang,
  type CaptureErlangOptions,
  type ErlangComponent,
  type ErlangResult,
  type ErlangSource,
} from "./capture.ts";
export { surveyErlang, type SurveyErlangOptions } from "./survey.ts";
export { openNode, type ErlangNode, type OpenNode } from "./node.ts";
export { planDets, planEts, planMnesia, type CaptureMode, type TablePlan } from "./plan.ts";
export { unpack, unpackFlags, type ReadContent, type UnpackFile, type UnpackProcess } from "./unpack.ts";
export type { Spill, SpillReader, SpillWriter } from "./spill.ts";
export { lookAtNode } from "./look.ts";
export type { Inventory } from "./inventory.ts";
export type { NodeEngine } from "./vm.ts";
export { restoreEts, type EtsRestored, type RestoreEtsOptions } from "./restore-ets.ts";
export { writeErlangFiles } from "./local-vm.ts";
export { createRowSummer, type RowSum } from "./row-sum.ts";
export { openDrillNode, type DrillNode } from "./drill-node.ts";
export { encodeDrillPlan, type DrillNodePlan, type DrillTable } from "./drill-plan.ts";
export {
  compareLoaded,
  compareMnesia,
  type Compared,
  type MnesiaNode,
  type MnesiaWanted,
  type TableProblem,
} from "./drill-compare.ts";
export { isPartOfTable, planMnesiaPut, type Member, type MnesiaPut, type MnesiaPutPlan } from "./plan-mnesia-put.ts";
export { restoreMnesiaTables, type MnesiaRestored, type RestoreMnesiaOptions } from "./restore-mnesia.ts";
export {
  compareDefinitions,
  compareSchema,
  definitionOf,
  type DefinitionChange,
  type MnesiaDefinition,
} from "./definition.ts";
