export { loadAgent, type AgentFiles } from "./agent.ts";
export { captureErlang, type CaptureErlangOptions, type ErlangComponent, type ErlangSource } from "./capture.ts";
export type { ExecEngine, ExecStreams } from "./engine.ts";
export { openNode, type ErlangNode, type OpenNode } from "./node.ts";
export { planDets, planEts, planMnesia, type CaptureMode, type NodeSettings, type TablePlan } from "./plan.ts";
export type { Spill, SpillReader, SpillWriter } from "./spill.ts";
