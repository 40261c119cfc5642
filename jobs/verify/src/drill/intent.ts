import { Component } from "@erlmcp/entry";
import { DrillReport } from "@erlmcp/verify";
import { z } from "zod";
import { ChosenImage } from "./images.ts";

/** In a worker: what it is to do, as JSON. */
export const intentVariable = "ERLMCP_DRILL_INTENT";

/** What the launcher has decided and made for a worker. */
export const DrillIntent = z.strictObject({
  id: z.string(), // the restore point
  tag: z.string(), // in the names of all that the drill makes
  label: z.string(), // whose it is
  network: z.string(),
  work: z.string(), // the volume for everything but captured volumes
  volumes: z.record(z.string(), z.string()), // of captured volumes: the throwaway one, by the key of the tree
  images: z.array(ChosenImage),
  application_images: z.array(ChosenImage),
  boot: z.boolean(),
});
export type DrillIntent = z.infer<typeof DrillIntent>;

/** Where the worker, and every container that needs it, has the drill's own volume. */
export const workFolder = "/drill/work";
/** Where the worker has the throwaway volume of a tree. */
export const volumeFolder = (key: string): string => `/drill/volumes/${key}`;

/** One thing that did not come back as it was captured. */
export const DrillFinding = z.strictObject({
  component: Component.nullable(),
  source: z.string().nullable(),
  path: z.string().nullable(),
  what: z.string(),
});
export type DrillFinding = z.infer<typeof DrillFinding>;

/** What a worker tells its launcher, on its standard output. */
export const DrillResult = z.strictObject({
  findings: z.array(DrillFinding),
  report: DrillReport.pick({ proven: true, checks: true, timings: true, notes: true }),
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
});
export type DrillResult = z.infer<typeof DrillResult>;
