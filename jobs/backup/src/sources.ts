import type { ErlangSource } from "@erlmcp/docker";
import { captureErlang, loadAgent } from "@erlmcp/erlang";
import { BackupError } from "@erlmcp/errors";
import { fileURLToPath } from "node:url";
import type { CaptureContext } from "./capture.ts";
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
        await collection.finish(sink, facts);
        log.info({ component, source: name }, "captured");
      } else await collection.fail(sink, error);
    }
    for (const sink of sinks.values()) await collection.fail(sink, new Error("its capture did not end"));
  } catch (error) {
    for (const sink of sinks.values()) await collection.fail(sink, error);
    throw error;
  }
}

export async function captureServer(): Promise<Record<string, unknown>> {
  throw new BackupError("SOURCE_FAILED", "not in this build");
}
export const captureVolume = captureServer;
export const captureFolder = captureServer;
export const captureConfigOf = captureServer;
