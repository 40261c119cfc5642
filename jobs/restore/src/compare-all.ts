import type { Component } from "@erlmcp/entry";
import type { Applied, Applying } from "./apply.ts";
import { compareDets, compareMnesia } from "./compare-erlang.ts";
import type { Compared } from "./compare.ts";
import type { Placed } from "./plan.ts";

type Compare = (run: Applying, placed: Placed) => Promise<Compared | undefined>;

/** What is compared once everything runs and is well again; the other kinds are as they are put in their place. */
const whenUp: Partial<Record<Component, Compare>> = { mnesia: compareMnesia, dets: compareDets };

/** Everything that was compared with the restore point: as it was put in its place, or now. */
export async function compareAll(run: Applying, applied: readonly Applied[]): Promise<Compared[]> {
  const compared = applied.flatMap((one) => one.compared ?? []);
  for (const placed of run.placed) {
    run.signal.throwIfAborted();
    const { component, name } = placed.part.source;
    const compare = whenUp[component];
    if (compare === undefined) continue;
    run.progress.step(`comparing ${component} ${name}`);
    const found = await compare(run, placed);
    if (found !== undefined) compared.push(found);
  }
  return compared;
}
