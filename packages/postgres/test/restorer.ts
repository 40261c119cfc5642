import type { Engine } from "@erlmcp/docker";
import type { DumpEntry } from "@erlmcp/entry";
import { capturePostgres, type PostgresRestore, type PostgresTarget } from "../src/index.ts";
import { MemorySink, type TestServer } from "./server.ts";

export interface Captured {
  sink: MemorySink;
  facts: Record<string, unknown>;
}

/** What one server had, and restores of it to others. */
export interface Restorer {
  captured: Captured;
  target(server: TestServer, restoreId?: string, signal?: AbortSignal): PostgresTarget;
  restore(target: PostgresTarget, more?: Partial<PostgresRestore>, from?: Captured): PostgresRestore;
}

/** Captures a server whole. @throws Error when a part of it fails */
export async function restorer(engine: Engine, server: TestServer): Promise<Restorer> {
  const sink = new MemorySink();
  const settings = { user: undefined, databases: undefined };
  const { facts } = await capturePostgres({
    engine,
    source: { name: "db", container: { id: server.id, name: "db" }, settings },
    sink,
    signal: new AbortController().signal,
  });
  const failed = sink.lines.filter(({ verdict }) => verdict === "failed");
  if (failed.length > 0) throw new Error(JSON.stringify(failed));
  const captured = { sink, facts };
  return {
    captured,
    target: ({ id }, restoreId = "r1", signal = new AbortController().signal) => ({
      engine,
      container: { id, name: "db" },
      user: undefined,
      restoreId,
      signal,
    }),
    restore: (target, more = {}, from = captured) => {
      const dumps = from.sink.entries.filter((entry): entry is DumpEntry => entry.kind === "dump");
      const globals = dumps.find(({ path }) => path === "globals");
      const databases = dumps.filter((entry) => entry !== globals);
      return {
        target,
        source: { facts: from.facts, globals, databases },
        read: (content) => sink.read(content),
        ...more,
      };
    },
  };
}
