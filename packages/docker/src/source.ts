import type { ErlangSettings, PostgresSettings } from "./labels.ts";
import type { Container, Volume } from "./types.ts";

/** The contract's words for what is backed up. */
export const components = ["ets", "dets", "mnesia", "postgres", "volumes", "config"] as const;
export type ComponentName = (typeof components)[number];

interface Found {
  name: string; // of the container or volume
  reason: string; // why it was taken
  /** Why it cannot be captured now. It is a source all the same: one that fails. */
  unavailable: string | undefined;
}

export interface ErlangSource extends Found {
  kind: "erlang";
  container: Container;
  components: readonly ("ets" | "dets" | "mnesia")[]; // at least one
  settings: ErlangSettings;
}

export interface PostgresSource extends Found {
  kind: "postgres";
  container: Container;
  settings: PostgresSettings;
}

export interface VolumeSource extends Found {
  kind: "volume";
  volume: Volume | undefined; // undefined only when unavailable
  during: readonly { container: Container; action: "pause" | "stop" }[]; // while it is read, by name
}

export interface ConfigSource extends Found {
  kind: "config";
  container: Container; // running or not: its files can be read either way
  paths: readonly string[];
}

export type Source = ErlangSource | PostgresSource | VolumeSource | ConfigSource;

/** Something that exists and is not taken; for the ledger. */
export interface Excluded {
  component: ComponentName;
  source: string; // container or volume
  name: string;
  reason: string;
}

export interface DiscoverySettings {
  project?: string | undefined; // BACKUP_PROJECT
  only?: readonly ComponentName[] | undefined; // --only; all when undefined
  selfId?: string | undefined; // our own container's, never a source; nor is what it mounts writable
}

/** What there is to back up, by kind and name, and why. */
export interface Discovery {
  sources: readonly Source[];
  excluded: readonly Excluded[];
  notes: readonly string[]; // for the log
}

export interface Installation {
  containers: readonly Container[];
  volumes: readonly Volume[];
  settings: DiscoverySettings;
}
