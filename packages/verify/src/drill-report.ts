import { Component } from "@erlmcp/entry";
import { z } from "zod";

const count = z.int().nonnegative();
const seconds = z.number().nonnegative();

/**
 * What is timed. A restore's own time is that of `fetch` (reading what is stored, with its digests), `open` (deciphering and
 * unpacking, chunk by chunk), `load` (into nodes, servers and volumes) and `boot` (until the application is well). Making the
 * throwaway containers (`prepare`) and comparing (`check`) are no part of it.
 */
export const DrillStage = z.enum(["fetch", "open", "prepare", "load", "check", "boot"]);
export type DrillStage = z.infer<typeof DrillStage>;
const restoring = new Set<DrillStage>(["fetch", "open", "load", "boot"]);

export const DrillTiming = z.strictObject({
  stage: DrillStage,
  component: Component.nullable(), // null: the whole restore point
  source: z.string().nullable(),
  seconds,
});
export type DrillTiming = z.infer<typeof DrillTiming>;

/** What a drill did with one restore point; what was wrong is among the findings. */
export const DrillReport = z.strictObject({
  drilled: z.boolean(), // false: it was damaged, so that nothing was restored
  boot: z.boolean(), // the application was started on it
  images: z.array(
    z.strictObject({
      container: z.string(), // that was captured
      image: z.string(),
      id: z.string(),
      recorded: z.boolean(), // the very one that the restore point names
    }),
  ),
  proven: z.array(z.strictObject({ component: Component, source: z.string(), counts: z.record(z.string(), count) })),
  checks: z.array(
    z.strictObject({ name: z.string(), where: z.string(), expected: z.string(), found: z.string(), ok: z.boolean() }),
  ),
  timings: z.array(DrillTiming),
  measured_rto_seconds: seconds.nullable(), // null when it did not come to its end
  sample: z.literal("all"), // of the restore point: nothing is extrapolated
  notes: z.array(z.string()),
});
export type DrillReport = z.infer<typeof DrillReport>;

/** The seconds that a restore takes, of all that was timed. */
export function restoreSeconds(timings: readonly DrillTiming[]): number {
  const sum = timings.reduce((total, timing) => total + (restoring.has(timing.stage) ? timing.seconds : 0), 0);
  return Math.round(sum * 100) / 100;
}

const stages = {
  fetch: "fetched",
  open: "opened",
  prepare: "prepared",
  load: "loaded",
  check: "checked",
  boot: "booted",
};

/** For people, below the line of the restore point. */
export function describeDrill(drill: DrillReport): string[] {
  if (!drill.drilled) return drill.notes.map((note) => `  note   ${note}`);
  const lines = drill.images.map(
    ({ container, image, id, recorded }) =>
      `  image  ${container}: ${image} (${id.replace("sha256:", "").slice(0, 12)}${recorded ? "" : ", not the recorded one"})`,
  );
  for (const { component, source, counts } of drill.proven) {
    const told = Object.entries(counts).map(([name, value]) => `${value.toLocaleString("en-US")} ${name}`);
    lines.push(`  proven ${component} ${source}: ${told.join(", ")}`);
  }
  for (const { name, where, ok } of drill.checks) lines.push(`  check  ${name} (${where}): ${ok ? "ok" : "FAILED"}`);
  for (const { stage, component, source, seconds: taken } of drill.timings) {
    const what = [component, source].filter((part) => part !== null).join(" ");
    lines.push(`  ${taken.toFixed(1).padStart(6)} s ${stages[stage]}${what === "" ? "" : ` ${what}`}`);
  }
  if (drill.measured_rto_seconds !== null) {
    const until = drill.boot ? "until the application was well" : "without starting the application";
    lines.push(`  measured RTO ${drill.measured_rto_seconds.toFixed(1)} s, all of it restored, ${until}`);
  }
  return [...lines, ...drill.notes.map((note) => `  note   ${note}`)];
}
