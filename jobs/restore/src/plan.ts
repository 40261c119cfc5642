import type { Container } from "@erlmcp/docker";
import type { Component } from "@erlmcp/entry";
import type { Code } from "@erlmcp/errors";
import { nodesOf } from "@erlmcp/host";
import { guessSeconds, type Estimate } from "./estimate.ts";
import type { Part } from "./parts.ts";
import { findTarget, type Here, type Target } from "./targets.ts";

/** A part and where it goes. */
export interface Placed {
  readonly part: Part;
  readonly target: Exclude<Target, { kind: "none" }>;
}

/** Something that stands in the way. `refuse`: the restore is not begun. */
export interface Problem {
  readonly severity: "refuse" | "warn";
  readonly code?: Code | undefined; // of the error, when it is refused for this; NOT_FOUND when undefined
  readonly message: string;
  readonly hint: string | undefined;
}

/** What a restore is going to do, decided before anything is touched. */
export interface Plan {
  readonly placed: readonly Placed[];
  readonly stop: readonly Container[]; // in this order; started again in the reverse one
  readonly restartsNodes: boolean; // an Erlang node is among them
  readonly problems: readonly Problem[];
  readonly guessedSeconds: number;
}

/** @param containers all of the engine's, to know who else uses a volume */
export function planRestore(
  parts: readonly Part[],
  { here, containers, renames }: { here: Here; containers: readonly Container[]; renames: ReadonlyMap<string, string> },
): Plan {
  const placed: Placed[] = [];
  const problems: Problem[] = [];
  for (const part of parts) {
    const target = findTarget(part.source, here);
    if (target.kind === "none") problems.push(homeless(part, target.reason));
    else placed.push({ part, target });
  }
  const stop = toStop(placed, { here, containers });
  problems.push(...lostMemory(stop, placed, here), ...unknownNodes(parts, renames));
  const stopped = new Set(stop.map(({ id }) => id));
  const restartsNodes = here.sources.some((source) => source.kind === "erlang" && stopped.has(source.container.id));
  return { placed, stop, restartsNodes, problems, guessedSeconds: guessSeconds(placed, stop.length) };
}

function homeless({ source }: Part, reason: string): Problem {
  return {
    severity: "refuse",
    message: `${source.component} ${source.name} has no place here: ${reason}`,
    hint: "Create it first (docker compose up --no-start), or leave it out with --only.",
  };
}

/** Those that have a volume in use which is about to change, that take their Mnesia or DETS in at start, or whose files change. */
function toStop(
  placed: readonly Placed[],
  { here, containers }: { here: Here; containers: readonly Container[] },
): Container[] {
  const stop = new Map<string, Container>();
  for (const { part, target } of placed) {
    if (target.kind === "volume") {
      for (const container of containers) {
        if (container.mounts.some(({ volume }) => volume === target.volume.name)) stop.set(container.id, container);
      }
    } else if (needsStop(part)) {
      for (const container of target.containers) stop.set(container.id, container);
    }
  }
  const labelled = new Set(here.sources.flatMap((source) => (source.kind === "volume" ? [] : [source.container.id])));
  return inOrder([...stop.values()].filter((container) => isInUse(container, labelled)));
}

/**
 * Whoever has ended stays as it is. One that crashes and comes back would come back in the middle, and one that was only
 * created waits for the restore to be started (docker compose up --no-start).
 */
function isInUse({ id, state }: Container, labelled: ReadonlySet<string>): boolean {
  return ["running", "paused", "restarting"].includes(state) || (state === "created" && labelled.has(id));
}

/** ETS tables are restored in a running node: what stands still, and is not started by this restore, has none. */
export function asleep({ placed, stop }: Plan): Problem[] {
  const targets = placed.flatMap(({ part, target }) =>
    part.source.component === "ets" && target.kind === "container" ? target.containers : [],
  );
  return targets
    .filter(({ id, state }) => state !== "running" && !stop.some((one) => one.id === id))
    .map(({ name, state }) => ({
      severity: "refuse",
      message: `${name} is ${state}, and ETS tables are restored in the running node`,
      hint: `Start it (docker start ${name}), or leave ets out with --only.`,
    }));
}

/** What a node takes in when it starts, and files that it reads then. */
function needsStop({ source, tables }: Part): boolean {
  const { component } = source;
  return component === "dets" || component === "config" || (component === "mnesia" && tables === undefined);
}

/** Whoever depends on another one stops before it, as Compose's own label says. */
function inOrder(containers: readonly Container[]): Container[] {
  const ordered: Container[] = [];
  const visit = (container: Container, path: readonly Container[]): void => {
    if (ordered.includes(container) || path.includes(container)) return;
    for (const other of containers) if (dependsOn(other, container)) visit(other, [...path, container]);
    ordered.push(container);
  };
  for (const container of containers.toSorted((a, b) => (a.name < b.name ? -1 : 1))) visit(container, []);
  return ordered;
}

function dependsOn(one: Container, other: Container): boolean {
  const label = one.labels["com.docker.compose.depends_on"] ?? "";
  const services = label.split(",").map((word) => word.split(":")[0]);
  return one.project === other.project && other.service !== undefined && services.includes(other.service);
}

/** What lives only in a node's memory ends with it. */
function lostMemory(stop: readonly Container[], placed: readonly Placed[], { sources }: Here): Problem[] {
  const restored = new Set(
    placed.flatMap(({ part, target }) =>
      part.source.component === "ets" && target.kind === "container" ? target.containers.map(({ id }) => id) : [],
    ),
  );
  return sources.flatMap((source) => {
    if (source.kind !== "erlang" || restored.has(source.container.id)) return [];
    if (!stop.some(({ id }) => id === source.container.id)) return [];
    return [
      {
        severity: "warn" as const,
        message: `${source.container.name} is restarted: what its ETS tables hold now is lost, and not restored`,
        hint: "Leave --only out, or name ets too, to have its ETS tables restored.",
      },
    ];
  });
}

/** A name that no node of the restore point has renames nothing, though somebody relies on it. */
function unknownNodes(parts: readonly Part[], renames: ReadonlyMap<string, string>): Problem[] {
  const known = new Set(parts.flatMap(({ source }) => nodesOf(source).map(({ node }) => node)));
  return [...renames.keys()]
    .filter((node) => !known.has(node))
    .map((node) => ({
      severity: "refuse" as const,
      message: `--rename-node: the restore point has no node ${node}`,
      hint: known.size === 0 ? "None of what is restored has nodes." : `It has ${[...known].join(", ")}.`,
    }));
}

const what: Record<Component, string> = {
  volumes: "changed in place to what was captured",
  dets: "built anew, put in the old files' place",
  mnesia: "loaded by Mnesia itself when the node starts",
  postgres: "restored beside the old databases, then swapped",
  config: "put back into the container",
  ets: "replaced in the running node, after its start",
};

function whatOf({ source, tables }: Part): string {
  if (source.component !== "mnesia" || tables === undefined) return what[source.component];
  return "replaced in the running nodes; no other table, nothing stopped";
}

/** The plan in lines of at most 80 columns where names allow it. */
export function describePlan(plan: Plan, { id, estimate }: { id: string; estimate: Estimate }): string[] {
  const lines = [`restore of ${id}`, ""];
  if (plan.stop.length > 0) lines.push(`stop      ${plan.stop.map(({ name }) => name).join(", ")}`);
  for (const { part, target } of inSteps(plan.placed)) {
    const { source } = part;
    const goes = target.kind === "volume" ? target.volume.name : target.containers.map(({ name }) => name).join(", ");
    const partly = [part.tables, part.databases, part.paths].flatMap((list) => list ?? []);
    const count = source.rows > 0 ? `${source.rows.toLocaleString("en-US")} rows` : `${source.entry_count} entries`;
    lines.push(`${source.component.padEnd(10)}${source.name} -> ${goes}`);
    lines.push(`          ${partly.length > 0 ? `only ${partly.join(", ")}` : count}; ${whatOf(part)}`);
    for (const { node } of nodesOf(source)) if (node !== source.name) lines.push(`          node ${node}`);
  }
  if (plan.stop.length > 0)
    lines.push(
      `start     ${plan.stop
        .toReversed()
        .map(({ name }) => name)
        .join(", ")}`,
    );
  lines.push(`check     health, rows and files against the manifest`);
  lines.push(
    "",
    `about ${estimate.seconds} s (${estimate.basis})`,
    plan.stop.length === 0 ? "nothing is stopped" : "services are down for most of it",
  );
  for (const { severity, message, hint } of plan.problems) {
    lines.push(
      ...wrapped(severity === "refuse" ? "REFUSED" : "warning", message),
      ...(hint === undefined ? [] : wrapped("", hint)),
    );
  }
  return lines;
}

const textWidth = 70; // beside the first column, on a terminal of 80

/** Words of a text in lines, the label before the first. */
function wrapped(label: string, text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > textWidth) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line, at) => `${(at === 0 ? label : "").padEnd(10)}${line}`);
}

/** The same for programs. */
export function planAsData(
  { placed, stop, problems }: Plan,
  { id, estimate }: { id: string; estimate: Estimate },
): Record<string, unknown> {
  return {
    backup_id: id,
    stop: stop.map(({ name }) => name),
    steps: inSteps(placed).map(({ part: { source, tables, databases, paths }, target }) => ({
      component: source.component,
      source: source.name,
      targets: target.kind === "volume" ? [target.volume.name] : target.containers.map(({ name }) => name),
      rows: source.rows,
      entries: source.entry_count,
      bytes: source.bytes,
      ...(tables && { tables }),
      ...(databases && { databases }),
      ...(paths && { paths }),
    })),
    start: stop.map(({ name }) => name).toReversed(),
    problems,
    estimated_seconds: estimate.seconds,
    estimate_basis: estimate.basis,
  };
}

const order: readonly Component[] = ["volumes", "dets", "mnesia", "config", "postgres", "ets"];

/** As they are done: what a start takes in before it (a server's configuration too), what needs a running node after it. */
export function inSteps(placed: readonly Placed[]): Placed[] {
  return placed.toSorted((a, b) => order.indexOf(a.part.source.component) - order.indexOf(b.part.source.component));
}
