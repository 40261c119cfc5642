import type { CaptureSink, Component } from "@erlmcp/entry";
import { BackupError } from "@erlmcp/errors";
import type { AgentFiles } from "./agent.ts";
import { captureDets } from "./capture-dets.ts";
import { captureEts } from "./capture-ets.ts";
import { captureMnesia } from "./capture-mnesia.ts";
import { type Capture, giveEntries, StoreFailure } from "./capture-table.ts";
import { captureNewcomers } from "./newcomers.ts";
import { groupClusters } from "./cluster.ts";
import type { NodeEngine } from "./vm.ts";
import { openNode, type ErlangNode, type OpenNode } from "./node.ts";
import { planDets, planEts, planMnesia, planMnesiaLocal } from "./plan.ts";
import { RunPool } from "./row-sorter.ts";
import type { Spill } from "./spill.ts";

export type ErlangComponent = Extract<Component, "ets" | "dets" | "mnesia">;

/** One thing that was captured, or failed as a whole: the ETS tables of a node, its DETS tables, the Mnesia of a cluster. */
export interface ErlangSource {
  component: ErlangComponent;
  name: string; // the node; of a cluster its nodes, joined by "+"
  facts: Record<string, unknown>;
  error: BackupError | undefined;
}

export interface ErlangResult {
  sources: ErlangSource[];
  warnings: string[]; // nothing is missing from the backup, but the operator should know
}

export interface CaptureErlangOptions {
  engine: NodeEngine;
  agent: AgentFiles;
  nodes: readonly ErlangNode[];
  components: readonly ErlangComponent[];
  /** Called once for each source before it is captured. */
  openSink: (component: ErlangComponent, source: string) => CaptureSink;
  spill: Spill;
  signal: AbortSignal;
  /** What sorting may take; more is written out through `spill`. */
  sortMemoryBytes?: number;
}

const defaultSortMemoryBytes = 160 * 1024 * 1024;

/**
 * Captures the tables of all nodes. A source that fails is reported and does not stop the others.
 *
 * @throws whatever a sink throws: then nothing more can be stored
 */
export async function captureErlang(options: CaptureErlangOptions): Promise<ErlangResult> {
  const pool = new RunPool({ memoryBytes: options.sortMemoryBytes ?? defaultSortMemoryBytes });
  const sources: ErlangSource[] = [];
  const opened: OpenNode[] = [];
  try {
    for (const node of options.nodes) {
      const found = await settle(openNode(options, node), options.signal);
      if (found instanceof BackupError)
        sources.push(...unreachable(options, { name: node.settings.node ?? node.container, error: found }));
      else opened.push(found);
    }
    if (options.components.includes("mnesia")) await captureClusters(options, { opened, pool, sources });
    for (const node of opened) {
      const capture = { node, pool, sources };
      if (options.components.includes("ets")) await captureSource(options, { ...capture, component: "ets" });
      if (options.components.includes("dets")) await captureSource(options, { ...capture, component: "dets" });
    }
    const warnings = await closeAll(opened, options.signal);
    return { sources, warnings };
  } finally {
    for (const { session } of opened) await session.abort();
  }
}

async function closeAll(opened: OpenNode[], signal: AbortSignal): Promise<string[]> {
  const warnings: string[] = [];
  for (const { session, inventory } of opened) {
    const error = await settle(session.close(), signal);
    if (error instanceof BackupError)
      warnings.push(`the session with ${inventory.identity.node} did not end in order: ${error.message}`);
  }
  return warnings;
}

/** A failure of the source becomes a value; that of the sink, an interruption or a fault of ours is thrown on. */
async function settle<T>(work: Promise<T>, signal: AbortSignal): Promise<T | BackupError> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BackupError) return error;
    throw error instanceof StoreFailure ? error.cause : error;
  }
}

function unreachable(options: CaptureErlangOptions, failed: { name: string; error: BackupError }): ErlangSource[] {
  return options.components.map((component) => failure(options, { component, ...failed }));
}

function failure(
  options: CaptureErlangOptions,
  {
    component,
    name,
    error,
    sink,
  }: { component: ErlangComponent; name: string; error: BackupError; sink?: CaptureSink },
): ErlangSource {
  (sink ?? options.openSink(component, name)).ledger({
    component,
    source: name,
    name,
    verdict: "failed",
    reason: error.message,
  });
  return { component, name, facts: {}, error };
}

interface Work {
  pool: RunPool;
  sources: ErlangSource[];
}

async function captureSource(
  options: CaptureErlangOptions,
  { node, component, pool, sources }: Work & { node: OpenNode; component: "ets" | "dets" },
): Promise<void> {
  const name = node.inventory.identity.node;
  const sink = options.openSink(component, name);
  const capture: Capture = { component, source: name, sink, pool, spill: options.spill, entries: [] };
  const error = await settle(
    captureTables(capture, node).then(() => undefined),
    options.signal,
  );
  if (error instanceof BackupError) {
    sources.push(failure(options, { component, name, error, sink }));
    return;
  }
  await giveEntries(capture);
  sources.push({
    component,
    name,
    facts: { node: { ...node.inventory.identity, container: node.container } },
    error: undefined,
  });
}

async function captureTables(capture: Capture, node: OpenNode): Promise<void> {
  const { session, inventory, settings } = node;
  if (capture.component === "ets") await captureEts(capture, session, planEts(inventory, settings));
  else await captureDets(capture, session, planDets(inventory, settings));
  await captureNewcomers(capture, node);
}

async function captureClusters(
  options: CaptureErlangOptions,
  { opened, pool, sources }: Work & { opened: OpenNode[] },
): Promise<void> {
  for (const cluster of groupClusters(opened)) {
    const sink = options.openSink("mnesia", cluster.name);
    const capture: Capture = {
      component: "mnesia",
      source: cluster.name,
      sink,
      pool,
      spill: options.spill,
      entries: [],
    };
    const error = await settle(
      captureCluster(capture, cluster).then(() => undefined),
      options.signal,
    );
    if (error instanceof BackupError) {
      sources.push(failure(options, { component: "mnesia", name: cluster.name, error, sink }));
      continue;
    }
    await giveEntries(capture);
    const { mnesia, identity } = cluster.first.inventory;
    const facts = {
      version: mnesia.version,
      captured_on: identity.node,
      db_nodes: mnesia.db_nodes,
      running_nodes: mnesia.running_nodes,
      use_dir: mnesia.use_dir,
      nodes: cluster.nodes.map((node) => ({
        ...node.inventory.identity,
        container: node.container,
        directory: node.inventory.mnesia.directory,
      })),
    };
    sources.push({ component: "mnesia", name: cluster.name, facts, error: undefined });
  }
}

/** One checkpoint over all nodes from the first, then what each other node has for itself. */
async function captureCluster(capture: Capture, cluster: ReturnType<typeof groupClusters>[number]): Promise<void> {
  const { first, nodes, missing } = cluster;
  await captureMnesia(capture, first.session, planMnesia(first.inventory));
  for (const node of nodes) {
    if (node !== first) await captureMnesia(capture, node.session, planMnesiaLocal(node.inventory));
  }
  const locals = first.inventory.mnesia.tables.filter((table) => table.local_content);
  for (const node of missing) {
    for (const table of locals) {
      const reason = `local content of ${node}, which is ${first.inventory.mnesia.running_nodes.includes(node) ? "not labelled" : "down"}`;
      capture.sink.ledger({
        component: "mnesia",
        source: capture.source,
        name: `${table.name} on ${node}`,
        verdict: "unreadable",
        reason,
      });
    }
  }
}
