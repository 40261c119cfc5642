import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ConfigSource, ErlangSource, PostgresSource, VolumeSource } from "@erlmcp/docker";
import type { Component } from "@erlmcp/entry";
import { captureErlang, loadAgent } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { capturePostgres } from "@erlmcp/postgres";
import { captureConfig, captureTree, type Base } from "@erlmcp/volumes";
import type { CaptureContext } from "./capture.ts";
import { placesOf } from "./place.ts";
import { volumesFolder, type Plan } from "./plan.ts";
import type { SourceSink } from "./source-sink.ts";
import { createSpill } from "./spill.ts";

const agentFolder = fileURLToPath(new URL("./agent", import.meta.url));

/** All Erlang nodes together: those of one cluster give one consistent copy of their Mnesia. */
export async function captureNodes(context: CaptureContext, sources: readonly ErlangSource[]): Promise<void> {
  const { run, collection, spillFolder } = context;
  const { log, signal } = run.context;
  const sinks = new Map<string, SourceSink>();
  const agent = await loadAgent(agentFolder);
  // Nodes may be labelled for the same components only: --only is the same for all of them.
  const components = [...new Set(sources.flatMap((source) => source.components))];
  try {
    const result = await captureErlang({
      engine: run.host.engine,
      agent,
      components,
      nodes: sources.map(({ container, settings }) => ({ container: container.name, settings })),
      openSink(component, name) {
        const sink = collection.open(component, name);
        sinks.set(`${component} ${name}`, sink);
        return sink;
      },
      spill: createSpill(spillFolder),
      signal,
    });
    for (const warning of result.warnings) log.warn(warning);
    for (const { component, name, facts, error } of result.sources) {
      const key = `${component} ${name}`;
      const sink = sinks.get(key);
      if (sink === undefined) throw new BackupError("FAILED", `${key} was captured into no sink`);
      sinks.delete(key);
      if (error === undefined) {
        await collection.finish(sink, { ...facts, ...placesOf(sources) });
        log.info({ component, source: name }, "captured");
      } else await collection.fail(sink, error);
    }
    for (const sink of sinks.values()) await collection.fail(sink, new Error("its capture did not end"));
  } catch (error) {
    for (const sink of sinks.values()) await collection.fail(sink, error);
    throw error;
  }
}

/** Every database of one PostgreSQL server. */
export async function captureServer(
  { run }: CaptureContext,
  source: PostgresSource,
  sink: SourceSink,
): Promise<Record<string, unknown>> {
  const { facts } = await capturePostgres({ engine: run.host.engine, source, sink, signal: run.context.signal });
  return { ...facts, ...placesOf([source]) };
}

/** A volume that is mounted here. `writers`: whether everything that writes there stands still. */
export async function captureVolume(
  context: CaptureContext,
  source: VolumeSource,
  sink: SourceSink,
): Promise<Record<string, unknown>> {
  const { facts } = await captureTree({
    root: join(volumesFolder, source.name),
    source: source.name,
    component: "volumes",
    sink,
    signal: context.run.context.signal,
    base: baseOf(context, "volumes", source.name),
    writers: source.during.length > 0 ? "quiet" : "running",
  });
  return { ...facts, ...placesOf([source]) };
}

/** A folder below /sources that the operator mounted. */
export async function captureFolder(
  context: CaptureContext,
  { name, path, component }: Plan["mounted"][number],
  sink: SourceSink,
): Promise<Record<string, unknown>> {
  const { facts } = await captureTree({
    root: path,
    source: name,
    component,
    sink,
    signal: context.run.context.signal,
    base: baseOf(context, component, name),
  });
  return facts;
}

/** Files and folders inside a container, through the engine. */
export async function captureConfigOf(
  { run }: CaptureContext,
  source: ConfigSource,
  sink: SourceSink,
): Promise<Record<string, unknown>> {
  const { signal } = run.context;
  const { facts } = await captureConfig({
    archive: (path) => run.host.engine.archive(source.container.id, path, signal),
    paths: source.paths,
    source: source.name,
    sink,
    signal,
  });
  return { ...facts, ...placesOf([source]) };
}

function baseOf({ base }: CaptureContext, component: Component, name: string): Base | undefined {
  const { generation } = base;
  const entries = generation?.entries(component, name);
  if (generation === undefined || entries === undefined) return undefined;
  return { entries, startedAt: BigInt(Date.parse(generation.latest.head.started_at)) * 1_000_000n };
}
