export type { BesideOptions } from "./beside.ts";
export { discover } from "./discover.ts";
export { insideContainer, openEngine, requireContainer, type Engine, type EngineOptions } from "./engine.ts";
export type { Exec, ExecOptions } from "./exec.ts";
export type { ErlangSettings, PostgresSettings } from "./labels.ts";
export {
  QuiesceIntent,
  undoQuiesce,
  whileQuiet,
  type IntentRecord,
  type QuiesceAction,
  type QuiescePlan,
  type Resumed,
} from "./quiesce.ts";
export type { RunOptions, RunResult } from "./run.ts";
export type { Sibling, SiblingOptions } from "./sibling.ts";
export { siblingLabel, type SiblingMount } from "./sibling-spec.ts";
export type {
  ComponentName,
  ConfigSource,
  Discovery,
  DiscoverySettings,
  ErlangSource,
  Excluded,
  Installation,
  PostgresSource,
  Source,
  VolumeSource,
} from "./source.ts";
export type { StateChange } from "./state.ts";
export type { HeldContainer, Throwaways } from "./throwaway.ts";
export { throwawayLabel, type ThrowawayMount, type ThrowawaySpec } from "./throwaway-spec.ts";
export type { Container, ContainerState, EngineFacts, Health, ImageFacts, Mount, Self, Volume } from "./types.ts";
