import type { Container } from "@erlmcp/docker";
import { createRecord, restoreRecord, type FlushedRecord } from "@erlmcp/host";
import { Component } from "@erlmcp/entry";
import { z } from "zod";

/** A restore that is under way, as the next run must know it to finish or undo it. Written down before the first change. */
export const Journal = z.strictObject({
  version: z.literal(1),
  tag: z.string().regex(/^[0-9a-f]{12}$/), // in the names of everything that it keeps aside
  id: z.string(), // the restore point
  safety: z.string().nullable(), // the restore point of what was there before
  /**
   * staging: databases are restored beside the old ones, nothing else has begun; unstaging: they go again. finishing: all
   * is restored, what was kept goes.
   */
  state: z.enum(["staging", "unstaging", "applying", "undoing", "finishing"]),
  begun_at: z.iso.datetime(),
  select: z.strictObject({
    only: z.array(Component).nullable(),
    tables: z.array(z.string()),
    databases: z.array(z.string()),
    volumes: z.array(z.string()),
    paths: z.array(z.string()),
  }),
  renames: z.record(z.string(), z.string()),
  nodes: z.array(
    z.strictObject({
      recorded: z.string(),
      node: z.string(),
      container: z.string(),
      directory: z.string().nullable(),
    }),
  ),
  accept_schema: z.boolean(),
  stopped: z.array(z.strictObject({ id: z.string(), name: z.string() })), // to be started, the last first
});
export type Journal = z.infer<typeof Journal>;

/**
 * The same with the containers that are there now: one that was made anew meanwhile (docker compose up does that when its
 * settings have changed) is known by its name. Pure.
 */
export function rebound(intent: Journal, containers: readonly Pick<Container, "id" | "name">[]): Journal {
  const now = new Map<string, string>();
  for (const { id, name } of intent.stopped) {
    if (containers.some((container) => container.id === id)) continue;
    const same = containers.find((container) => container.name === name);
    if (same !== undefined) now.set(id, same.id);
  }
  return {
    ...intent,
    stopped: intent.stopped.map((one) => ({ ...one, id: now.get(one.id) ?? one.id })),
    nodes: intent.nodes.map((one) => ({ ...one, container: now.get(one.container) ?? one.container })),
  };
}

/** Where it lies, whichever job looks for it. */
export function openJournal(root: string): FlushedRecord<Journal> {
  return createRecord(root, { name: restoreRecord, schema: Journal });
}
